"""Maintenance: what is removed for good: a person's data, and what no longer serves anybody. Never an event.

Begin with `erasure`.
"""
