"""Monitoring: status, health and metrics, each read in a few milliseconds.

It mends nothing; it writes only what it has counted or sampled itself. Begin with `status`, then `health`.
"""
