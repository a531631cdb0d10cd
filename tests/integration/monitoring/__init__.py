"""Tests of `acci.store.monitoring` with a real PostgreSQL."""
