"""Tests of `acci.store.embedded` with a real PostgreSQL."""
