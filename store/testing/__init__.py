"""Testing: given events, when a command, projection or reaction, then what follows; databases; simulated histories.

For a user's tests, and `acci simulate`. Begin with `kit`; `pytest_plugin` has the fixtures, `strategies` what
Hypothesis draws.
"""
