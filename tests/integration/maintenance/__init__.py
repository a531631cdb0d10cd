"""Tests of `acci.store.maintenance` with a real PostgreSQL."""
