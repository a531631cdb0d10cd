"""The event log: append, read, decode, idempotency, the high-water mark, seals.

It knows no aggregates or projections, and of a command only its idempotency record. Begin with `event_store`.
"""
