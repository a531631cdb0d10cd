"""Maintenance: what is removed for good: a person's data, and what is no longer needed. Never an event.

Begin with `erasure`.
"""
