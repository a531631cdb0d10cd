"""Tests of `acci.store.rebuilding` with a real PostgreSQL."""
