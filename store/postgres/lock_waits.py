"""Lock waits: who held the lock when a lock timeout ended a wait."""

from typing import Any

import psycopg

from acci.store.postgres.statements import sql

PATIENCE = 5  # seconds for a connection to ask by


def holders(info: psycopg.ConnectionInfo) -> str:
    """The sessions that may hold what this connection waited for, as a phrase; empty if none is found or seen."""
    return _asked(info, "postgres/lock_holders", {"pid": info.backend_pid})


def users(info: psycopg.ConnectionInfo, schema: str, name: str | None = None) -> str:
    """The sessions that use a table in the schema, or the named one, if only to read; a phrase as of `holders`."""
    return _asked(info, "postgres/lock_users", {"pid": info.backend_pid, "schema": schema, "name": name})


def _asked(info: psycopg.ConnectionInfo, statement: str, parameters: dict[str, Any]) -> str:
    """Asked on a connection of its own: the one that waited is in a failed transaction."""
    how = {"password": info.password, "autocommit": True, "connect_timeout": PATIENCE}
    try:
        with psycopg.connect(info.dsn, **how) as asking:  # type: ignore[arg-type]
            found = asking.execute(sql(statement), parameters, prepare=False).fetchall()
    except psycopg.Error:
        return ""  # the error is raised without it
    return "; ".join(_phrase(*row) for row in found)


def _phrase(
    who: str, application: str | None, pid: int | None, gid: str | None, state: str | None, seconds: float | None
) -> str:
    if gid is not None:
        return f"prepared transaction {gid!r} of {who}"
    since = "" if seconds is None else f" since {seconds:,.0f} s"
    return f"{who} ({application}), process {pid}, {state}{since}"
