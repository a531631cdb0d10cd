"""The sequence of positions: it must be ahead of every stored event and of every checkpoint."""

from typing import Any

import psycopg

from acci.store.postgres.refusals import TranslatedErrors
from acci.store.postgres.statements import sql


def require_sequence(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Raises `SequenceBehind`; `SchemaMissing` where there is none, or that of an older ACCI."""
    with TranslatedErrors():
        connection.execute(sql("postgres/sequence:require"), prepare=False)
