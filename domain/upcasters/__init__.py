"""Upcasters: how a payload of an older schema version becomes one of the next, declared with expressions.

Only the declaration of one step, which knows no event class: `acci.domain.upcasting` applies all steps of an event.
Begin with `upcaster`; `origins` has the same step as expressions for SQL.
"""
