"""Tests of the command line with a real PostgreSQL."""
