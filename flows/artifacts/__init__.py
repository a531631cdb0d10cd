"""Artifacts: what a run shows of its work in the Prefect UI: tables, progress, charts, reports.

Begin with `tables`.
"""
