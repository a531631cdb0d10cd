"""Tests of `acci.store.compiling` with a real PostgreSQL."""
