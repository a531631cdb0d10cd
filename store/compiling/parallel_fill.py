"""Parallel fill: rows selected into a temporary table first, since PostgreSQL runs no INSERT's query in parallel.

Worth it where most events fold into few rows: reading the log is then all the work, and is shared by the cores.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

NAME = "acci_gathered"


class Gather(Executable, ClauseElement):
    """CREATE TEMPORARY TABLE … AS `query`, dropped with the transaction."""

    inherit_cache = False

    def __init__(self, query: sa.Select[Any]) -> None:
        self.query = query


@compiles(Gather)
def _gather(gather: Gather, compiler: SQLCompiler, **_: Any) -> str:
    query = gather.query.compile(dialect=compiler.dialect, compile_kwargs={"literal_binds": True})
    return f"CREATE TEMPORARY TABLE {NAME} ON COMMIT DROP AS {query}"


def gathered(columns: list[str]) -> sa.TableClause:
    """The temporary table that `Gather` made."""
    return sa.table(NAME, *map(sa.column, columns), schema="pg_temp")
