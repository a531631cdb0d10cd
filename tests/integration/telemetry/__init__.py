"""Tests of `acci.store.telemetry` with a real PostgreSQL."""
