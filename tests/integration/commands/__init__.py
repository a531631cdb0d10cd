"""Tests of `acci.store.commands` with a real PostgreSQL."""
