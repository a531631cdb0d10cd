"""The one object that a user's program holds: commands, aggregates, queries, the past, and the log behind them.

Nothing is decided here: each call goes to the chapter that does it, with the pool, the tenant and the person filled in.
Begin with `application`; `asynchronous` is the same for asyncio, `acting` says for whom a program acts.
"""
