"""Monitoring: status, health and metrics, each read in a few milliseconds.

It changes nothing. Begin with `status`.
"""
