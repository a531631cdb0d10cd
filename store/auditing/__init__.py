"""Auditing: stored state recomputed from the events and compared; what differs is a finding, and can be repaired.

Begin with `audit`.
"""
