"""Projecting: rules compiled to one set-based statement, applied batch by batch, rebuilt beside the live rows."""
