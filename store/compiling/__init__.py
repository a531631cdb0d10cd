"""Compiling: a projection's rules as one SQL statement a batch.

It makes the text of statements and runs none. Begin with `statements`, which has the way from request to text.
"""
