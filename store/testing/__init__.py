"""Testing: given events, when projected, then rows, with both engines; and simulated histories.

For a user's tests, and `acci simulate`. Begin with `kit`.
"""
