"""Generations: the builds of a read model: their states, tables, fingerprints, the live view, and what depends on it.

Not what fills one (`acci.store.projecting`), nor when one is published (`acci.store.rebuilding`). Begin with
`generations`, then `live`.
"""
