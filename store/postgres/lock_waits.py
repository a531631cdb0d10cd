"""Lock waits: who held what somebody waited for in vain."""

from typing import Any

import psycopg

from acci.store.postgres.statements import sql

PATIENCE = 5  # seconds for a connection to ask by


def holders(info: psycopg.ConnectionInfo) -> str:
    """Those who may hold what this connection waited for, as a phrase; empty if nobody is found, or cannot be asked."""
    return _asked(info, "postgres/lock_holders", {"pid": info.backend_pid})


def users(info: psycopg.ConnectionInfo, schema: str, name: str | None = None) -> str:
    """Those who use something in the schema, if only to read, or the one that is named; a phrase as `holders` gives."""
    return _asked(info, "postgres/lock_users", {"pid": info.backend_pid, "schema": schema, "name": name})


def _asked(info: psycopg.ConnectionInfo, statement: str, parameters: dict[str, Any]) -> str:
    """Asked on a connection of its own: that which waited is in a transaction that can ask nothing more."""
    how = {"password": info.password, "autocommit": True, "connect_timeout": PATIENCE}
    try:
        with psycopg.connect(info.dsn, **how) as asking:  # type: ignore[arg-type]
            found = asking.execute(sql(statement), parameters, prepare=False).fetchall()
    except psycopg.Error:
        return ""  # it is told without
    return "; ".join(_phrase(*row) for row in found)


def _phrase(
    who: str, application: str | None, pid: int | None, gid: str | None, state: str | None, seconds: float | None
) -> str:
    if gid is not None:
        return f"prepared transaction {gid!r} of {who}"
    since = "" if seconds is None else f" since {seconds:,.0f} s"
    return f"{who} ({application}), process {pid}, {state}{since}"
