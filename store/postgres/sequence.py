"""The sequence of positions: it must be ahead of every stored event and of every checkpoint."""

from typing import Any

import psycopg

from acci.store.postgres.refusals import refusal_of
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
