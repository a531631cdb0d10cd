"""Tests of `acci.store.backfilling` with a real PostgreSQL."""
