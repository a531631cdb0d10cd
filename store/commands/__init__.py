"""Commands: validated, decided on an aggregate's newest state, and stored once by their idempotency key.

Begin with `handler`.
"""
