"""Bounds of numbers in PostgreSQL and of ports: an option beyond them is refused as wrong usage."""

BIGINT = 2**63 - 1
INTEGER = 2**31 - 1
PORT = 65_535
MAX_WAIT = 1e12  # seconds or hours: longer than any wait; refuses infinity
