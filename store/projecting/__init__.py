"""Projecting: batches of events applied to a generation exactly once; dead letters, following, re-deriving keys.

Rules become SQL in `acci.store.compiling`; whole new generations are made in `acci.store.rebuilding`. Begin with
`batches`.
"""
