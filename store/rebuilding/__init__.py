"""Rebuilding: plan a new generation, build it beside the live one, check it, publish it, roll back.

Begin with `build`; the gate's comparisons are in `acci.store.verifying`.
"""
