"""Tests of `acci.store.projecting` with a real PostgreSQL."""
