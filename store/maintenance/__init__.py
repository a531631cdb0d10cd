"""Maintenance: what is removed for good: a person's data (`erasure`), and what is not used any more (`housekeeping`).

It never removes an event. Begin with `erasure`.
"""
