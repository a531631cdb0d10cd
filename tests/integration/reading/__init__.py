"""Tests of `acci.store.reading` with a real PostgreSQL."""
