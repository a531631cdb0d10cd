"""The column probe: asks PostgreSQL how a column stores a value, for types that only PostgreSQL knows."""

from copy import deepcopy
from typing import Any

import psycopg
from psycopg import sql as identifiers
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import Jsonb

from acci.domain.projections.columns import Column
from acci.domain.projections.stored_values import NotStorable, in_one_line
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import first_line
from acci.store.projecting.poison_events import is_poison

OF_THE_VALUE = (psycopg.ProgrammingError, psycopg.NotSupportedError)  # as some types call what is no value
REMEMBERED = 10_000  # cached answers: values of an enumeration or of a padded code repeat


class ColumnProbe:
    """A `Probe` for `RowRoundTrip`. A value that cannot be stored aborts the transaction: set a savepoint first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], Any] = {}

    def __call__(self, column: Column, value: Any) -> Any:
        text = self._dumped(column, value)
        if (column.type, text) not in self._known:
            kept = self._kept(column, text)
            if len(self._known) == REMEMBERED:
                self._known.clear()
            self._known[column.type, text] = kept
        known = self._known[column.type, text]
        return deepcopy(known) if isinstance(known, list) else known

    def _kept(self, column: Column, text: str) -> Any:
        """The value read back. Stored again it must stay the same, or each batch would change it."""
        kept, spelled = self._ask(column, text)
        again = None if kept is None else self._ask(column, self._dumped(column, kept))[1]
        if again != spelled:
            raise NotStorable(f"column {column.name!r} of type {column.type} keeps {spelled}, which is read as {again}")
        return kept

    def _ask(self, column: Column, text: str) -> tuple[Any, str]:
        # By its input function and with its length and digits, as COPY has it; a cast would cut a long text.
        question = identifiers.SQL("SELECT value, value::text FROM jsonb_to_record(%s) AS kept (value {})")
        try:
            asked = self._connection.execute(question.format(identifiers.SQL(column.type)), [Jsonb({"value": text})])
            return asked.fetchone() or (None, "")
        except Exception as error:
            if isinstance(error, psycopg.Error) and not (is_poison(error) or isinstance(error, OF_THE_VALUE)):
                raise
            raise NotStorable(
                f"column {column.name!r} of type {column.type} cannot keep it: {first_line(error)}"
            ) from error

    def _dumped(self, column: Column, value: Any) -> str:
        try:
            dumped = Transformer(self._connection).get_dumper(value, PyFormat.TEXT).dump(value)
            return "" if dumped is None else bytes(dumped).decode()
        except Exception as error:  # of a type that PostgreSQL has no values for, or the value's own code
            raise NotStorable(
                f"column {column.name!r} of type {column.type} cannot keep it: {in_one_line(error)}"
            ) from error
