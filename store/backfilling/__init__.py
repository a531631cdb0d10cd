"""Backfilling: a chosen part of a live read model derived again, or a new column filled, in chunks of keys.

Begin with `backfill`.
"""
