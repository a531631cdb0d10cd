"""Tests of `acci.store.auditing` with a real PostgreSQL."""
