"""Maintenance: what is removed for good: a person's data (`erasure`), and old generations and records (`housekeeping`).

It never removes an event. Begin with `erasure`.
"""
