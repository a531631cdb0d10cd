"""Aggregates: loaded from a snapshot and the events after it, compacted, and shown with their history.

Deciding commands is in `acci.store.commands`. Begin with `loading`.
"""
