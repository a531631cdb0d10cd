"""The sequence that gives positions: it must be ahead of everything that is stored and that read models have passed."""

from typing import Any

import psycopg

from acci.store.postgres.errors import refusal_of
from acci.store.postgres.statements import sql


def require_sequence(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Raises `SequenceBehind`; `SchemaMissing` where there is none, or that of an older ACCI."""
    try:
        connection.execute(sql("postgres/sequence:require"), prepare=False)
    except psycopg.DatabaseError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
