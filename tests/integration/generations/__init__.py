"""Tests of `acci.store.generations` with a real PostgreSQL."""
