"""Tests of `acci.store.testing` with a real PostgreSQL."""
