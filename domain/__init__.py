"""What a user declares: events, commands, aggregates, projections, queries. Pure: no I/O, no clock, no framework.

Nothing here is stored or run by itself: `acci.store` does that. Begin with `users`, the worked example, then `events`,
`aggregates` and `projections`.
"""
