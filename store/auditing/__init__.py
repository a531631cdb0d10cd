"""Auditing: stored state recomputed from the events and compared; what differs is a finding, and can be repaired.

Not the gate, which judges a generation before readers see it (`acci.store.rebuilding.gate`). Begin with `audit`, which
has the list of checks; `checks` says what a check is, `repairs` how its findings are mended.
"""
