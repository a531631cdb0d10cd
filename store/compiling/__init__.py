"""Compiling: a projection's rules as one SQL statement a batch.

It makes statements and runs none. Begin with `statements`.
"""
