"""Generations: the builds of a read model: tables, fingerprints, the live view, and what depends on it.

What fills a generation is elsewhere (projecting, rebuilding). Begin with `generations`.
"""
