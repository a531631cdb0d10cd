"""The checks of health, by what they look at: each looks once and changes nothing.

Not audits, which recompute. Begin with `check`; `acci.store.monitoring.health` makes them all.
"""
