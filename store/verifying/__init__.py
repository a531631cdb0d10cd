"""Verifying: a read model recomputed in other ways and compared: control totals, a reference sample, a table diff.

It finds differences and judges none: what they mean is for the gate and for audits. Begin with `table_diff`; when two
values are equal is said in `acci.store.verifying.table_diff`.
"""
