"""The contract: the shapes of events, commands, queries, read models and reactions, as one committed file, and what a
change to them needs. No database is needed.

Begin with `document`, then `changes`. What a rebuild or a backfill does is not here, but in the chapters of that name.
"""
