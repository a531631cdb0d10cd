"""The SQL files, by chapter of the store. A long statement has a file of its own; short ones share a file by noun.

    sql("log/gap")               all of sql/log/gap.sql
    sql("log/streams:version")   what follows `-- name: version` in sql/log/streams.sql, up to the next name

`{log/events:columns}` in a statement is replaced by the text of that name, without its comment.
"""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

from psycopg import sql as identifiers

SQL = Path(__file__).parents[2] / "sql"
NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
REPEATED = re.compile(r"\{(\w+/\w+:\w+)\}")
COMMENT = re.compile(r"\A(?:--.*\n)+")


@cache
def sql(name: str) -> LiteralString:
    """The text of a statement. Trusted: the files are part of the program, never input."""
    file, _, section = name.partition(":")
    return REPEATED.sub(lambda found: COMMENT.sub("", sql(found[1])), sections(file)[section])


@cache
def sections(file: str) -> dict[str, str]:
    """The statements of a file by name; of a file without names, its whole text under ''."""
    text = (SQL / file).with_suffix(".sql").read_text(encoding="utf-8")
    head, *named = NAME.split(text)
    return dict(zip(named[::2], (each.strip() for each in named[1::2]), strict=True)) or {"": head}


def named(*parts: str) -> identifiers.Composable:
    """A name for a statement that takes parameters, where a percent sign in it would begin one."""
    quoted = identifiers.Identifier(*parts).as_string()
    return identifiers.SQL(quoted.replace("%", "%%"))
