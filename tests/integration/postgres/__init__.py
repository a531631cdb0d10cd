"""Tests of `acci.store.postgres` with a real PostgreSQL."""
