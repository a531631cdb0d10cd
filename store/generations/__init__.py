"""Generations: the builds of a read model: their states, tables, fingerprints, the live view, and what depends on it.

How one is filled is in `acci.store.projecting`, when one is published in `acci.store.rebuilding`. Begin with
`generations`, then `live`.
"""
