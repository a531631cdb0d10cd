"""Projecting: batches of events applied to a generation exactly once; dead letters, following, re-deriving keys.

Not how rules become SQL (`acci.store.compiling`), nor how a generation is built and published
(`acci.store.rebuilding`). Begin with `batches`, then `poison_events`; for chosen keys `live_read_model`, `rederiving`.
"""
