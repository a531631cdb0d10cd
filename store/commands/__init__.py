"""Commands: validated, decided on an aggregate's newest state, and stored once by their idempotency key.

Loading and folding is in `acci.store.aggregates`, storing in `acci.store.log`. Begin with `handler`, which reads as the
way of a command: `validation`, `queues`, `deciding` (on the `state_cache` or on what is loaded), the append.
"""
