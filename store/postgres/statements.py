"""The SQL files: one statement a file; the tree under `sql/` is the manual."""

from functools import cache
from pathlib import Path
from typing import LiteralString

from psycopg import sql as identifiers

SQL = Path(__file__).parents[2] / "sql"


@cache
def sql(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`. Trusted: the files are part of the program, never input."""
    return (SQL / name).with_suffix(".sql").read_text(encoding="utf-8")


def named(*parts: str) -> identifiers.Composable:
    """A name for a statement that takes parameters, where a percent sign in it would begin one."""
    quoted = identifiers.Identifier(*parts).as_string()
    return identifiers.SQL(quoted.replace("%", "%%"))
