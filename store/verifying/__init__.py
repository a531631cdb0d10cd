"""Verifying: a read model recomputed in other ways and compared: control totals, a reference sample, a table diff.

It finds differences; the gate and audits decide what they mean. Begin with `table_diff`.
"""
