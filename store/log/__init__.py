"""The event log: append, read, decode, the high-water mark, seals.

It knows no aggregates, commands or projections. Begin with `event_store`.
"""
