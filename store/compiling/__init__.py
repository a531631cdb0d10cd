"""Compiling: a projection's rules as one SQL statement a batch.

It makes the text of statements and runs none. Begin with `statements`, which has the way from request to text.
"""

from importlib import import_module

from acci.store.extras import needs

with needs("projections"):
    import_module("sqlalchemy")
