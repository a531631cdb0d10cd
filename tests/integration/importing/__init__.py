"""Tests of `acci.store.importing` with a real PostgreSQL."""
