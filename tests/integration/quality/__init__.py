"""Tests of `acci.flows.quality` with a real PostgreSQL."""
