"""A statement's text, as psycopg executes it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg as dialects

DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]
DIALECT._backslash_escapes = False  # noqa: SLF001 as after connecting; a backslash means itself in a literal


def text_of(statement: sa.sql.ClauseElement) -> str:
    """The statement's text for psycopg, literals in place; to be executed with parameters, none as ()."""
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
