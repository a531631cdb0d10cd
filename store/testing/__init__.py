"""Testing: given events, when a command or a projection, then events or rows; databases for tests; simulated histories.

For a user's tests, and `acci simulate`. Begin with `kit`; `pytest_plugin` has the fixtures, `strategies` what
Hypothesis draws.
"""
