"""Tests of `acci.store.log` with a real PostgreSQL."""
