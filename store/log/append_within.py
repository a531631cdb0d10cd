"""An append in the caller's own transaction, beside what the program itself writes to the same database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any, cast

import psycopg
from psycopg import DatabaseError
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from acci.domain.errors import AcciError
from acci.store.log.append import Append, Encoder, Lend, Recorded, recorded
from acci.store.log.append_errors import translated
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import TranslatedErrors


class NoTransaction(AcciError):
    """An append was to be part of the caller's transaction, and there is none that takes it; `problem` says why."""

    where: str
    problem: str

    sentence = (
        "The connection to {where} {problem}: append inside `with connection.transaction()`, or leave the connection "
        "out."
    )


@contextmanager
def lent_by_caller(connection: psycopg.Connection[Any]) -> Iterator[Connection]:
    """The caller's connection as a store asks it; what it makes of rows is as before afterwards.

    Raises `NoTransaction`; what PostgreSQL refuses for a reason outside the program is an `AcciError`, too.
    """
    if not isinstance(connection, psycopg.Connection):  # an AsyncConnection, say
        raise TypeError(f"{connection!r:.100} is no psycopg.Connection, whose transaction an append can be part of.")
    if connection.closed:
        raise NoTransaction("the database", "is closed")
    info = connection.info
    where = f"{info.host}:{info.port}/{info.dbname}"
    if info.transaction_status == TransactionStatus.INERROR:
        raise NoTransaction(where, "is in a transaction that has failed and can only be rolled back")
    if info.transaction_status == TransactionStatus.IDLE:
        if connection.autocommit:
            raise NoTransaction(where, "is in autocommit and has begun no transaction")
        connection.execute("SELECT 1")  # begins the transaction: a savepoint in none would be committed with its block
    rows = connection.row_factory
    connection.row_factory = tuple_row
    try:
        with TranslatedErrors():
            yield cast("Connection", connection)
    finally:
        connection.row_factory = rows


def append_within(lend: Lend, append: Append, encoder: Encoder) -> tuple[Recorded, ...]:
    """Store one append in the caller's transaction; refused, that is as it was before, and can go on."""
    statement = encoder.statement(append)
    with lend() as connection:
        try:
            with connection.transaction():  # a savepoint
                return recorded(append, connection.execute(*statement))
        except DatabaseError as error:
            raise translated(error, connection, {append.stream: append.expected_version}) from error


def in_utc(event: Recorded) -> Recorded:
    """The event with its times in UTC, as everywhere else; the caller's session may have another time zone."""
    return replace(event, timestamp=event.timestamp.astimezone(UTC), recorded_at=event.recorded_at.astimezone(UTC))
