"""Reactions, run: events are decided once, what follows is put into an outbox and delivered, timers fire.

Begin with `batches`, then `deciding`, `outbox` and `delivering`.
"""
