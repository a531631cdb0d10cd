"""The rules: events, commands, aggregates, projections. Pure: no I/O, no clock, no framework."""
