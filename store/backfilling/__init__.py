"""Backfilling: a chosen part of a live read model re-derived, or a new column filled, in chunks of keys.

Not a rebuild: no new generation is made, and rules that changed otherwise are refused. Begin with `backfill`.
"""
