"""Tests of `acci.store.aggregates` with a real PostgreSQL."""
