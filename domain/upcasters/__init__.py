"""Upcasters: how a payload of an older schema version becomes one of the next, declared with expressions.

Here is the declaration, which knows no event class; `acci.domain.upcasting` applies it to one. Begin with `upcaster`.
"""
