"""The SQL files: one statement a file; the tree under `sql/` is the manual."""

from functools import cache
from pathlib import Path
from typing import LiteralString

SQL = Path(__file__).parents[1] / "sql"


@cache
def sql(name: str) -> LiteralString:
    """The text of `sql/<name>.sql`. Trusted: the files are part of the program, never input."""
    return (SQL / name).with_suffix(".sql").read_text(encoding="utf-8")
