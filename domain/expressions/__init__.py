"""Expressions: what a rule or an upcaster computes from the values of an event, as a tree.

A small, closed set that means the same in SQL (`acci.store.compiling`) and in Python (`evaluation`). It knows neither
event classes nor projections. Begin with `tree`.
"""
