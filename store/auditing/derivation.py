"""Derivation: a read model's expected rows, derived from the events into a temporary table."""

from collections.abc import Iterator
from functools import partial

from psycopg import errors
from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.store.auditing.checks import DoesNotFit
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.scope import AuditScope, KeyDoesNotFit, position_before
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.scope import not_parked, row_in_partition
from acci.store.extras import needs
from acci.store.generations.tables import ReadModel, describe
from acci.store.log.positions import end_of_stride
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.affected_keys import collect_affected_keys, collect_keys
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.canonical_keys import as_stored
from acci.store.projecting.compared_columns import determined
from acci.store.projecting.exclusions import load_exclusions, parked_keys, with_exclusions
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.poison_events import apply_span
from acci.store.projecting.ranges import Key, Span, strides
from acci.store.projecting.rederiving import derive
from acci.store.verifying.table_diff import Condition, is_affected

with needs("projections"):
    pass

TEMPORARY = "pg_temp"


class Derivation:
    """The rows that the events up to the generation's checkpoint produce, for the scope; in the caller's transaction.

    With a narrowed scope the temporary table `affected_keys` has the keys; else all keys are derived, or, of rules, the
    sample's share of them. Parked keys are left out, and so are those of an event that cannot be applied today.

    `conditions`, with `parameters`, narrow the stored or the expected table to the rows that were derived. `compared`
    is the stored read model with the columns to compare; those that a fold in Python gives are known once it is filled.
    """

    def __init__(self, live: LiveReadModel, scope: AuditScope) -> None:
        connection, projection, generation = live.connection, live.projection, live.generation
        self._connection, self._projection, self._generation = connection, projection, generation
        self.stored = generation.read_model(connection)
        self.compared = determined(projection, self.stored)
        _make_table(connection, self.stored, self.compared)
        self.expected = describe(connection, TEMPORARY, self.stored.name)
        # What is parked and skipped is as in the generation that the table stands for.
        self._applier = applier_of(connection, projection, generation, self.expected)
        self._skipped = load_exclusions(connection, generation).skipped
        self._by_keys = self._choose(scope)
        # A fold in Python reads every event for any share, so it may as well derive all.
        self._shares = 1 if self._by_keys or not projection.rules else scope.one_in
        self._offset = scope.offset if self._shares > 1 else 0
        narrower: list[Condition] = [is_affected] if self._by_keys else [row_in_partition] if self._shares > 1 else []
        self.conditions = [not_parked, *narrower]
        number = generation.generation
        self.parameters = {"generation": number, "partition": self._offset, "partitions": self._shares}

    def fill(self) -> Iterator[Found]:
        """Derive the rows; yields the events that cannot be applied. Raises `TooManyDeadLetters`."""
        yield from self._fill_keys() if self._by_keys else self._fill_shares()
        if self._projection.folds_in_python:
            self.compared = determined(self._projection, self.stored, self._given)

    def _fill_keys(self) -> Iterator[Found]:
        parameters = {"generation": self._generation.generation}
        keys = [row[0] for row in self._connection.execute(sql("projecting/affected_keys:not_parked"), parameters)]
        for found in self.derive(keys, self._generation.checkpoint):
            self._connection.execute(sql("projecting/affected_keys:remove"), {"key": list(found.place.values())})
            yield found

    def _fill_shares(self) -> Iterator[Found]:
        before = self._dead_letters()
        parked = parked_keys(self._connection, self._generation) if before else frozenset()
        span = Span(0, self._generation.checkpoint, self._offset, self._shares, table_is_empty=True)
        for piece in strides(span, end=partial(end_of_stride, self._connection)):
            skip_parked = with_exclusions(self._connection, self._generation, piece)
            apply_span(self._connection, self._applier, self._generation, skip_parked)
        for position, (event_type, keys, reason) in self._dead_letters().items():
            if position not in before:
                problem = f"The {event_type} at position {position} cannot be applied today: {reason}"
                yield Found({"position": str(position)}, Severity.ERROR, problem, {"keys": keys})
        known = {tuple(key) for _, keys, _ in before.values() for key in keys}
        if known:
            yield from self._derive_unparked(known & parked_keys(self._connection, self._generation) - parked)

    def _derive_unparked(self, keys: set[tuple[str | None, ...]]) -> Iterator[Found]:
        """Derive keys that a known dead letter parked in this run and that are not parked in the read model.

        Of an event that affects several keys some may have been released by a retry; their rows must be right too.
        """
        failed = list(self.derive([list(key) for key in keys], self._generation.checkpoint))
        derived = keys - {tuple(found.place.values()) for found in failed}
        released = {"generation": self._generation.generation, "keys": Jsonb([list(key) for key in derived])}
        self._connection.execute(sql("projecting/parked_keys:release"), released)
        yield from failed

    def derive(self, keys: list[Key], upto: int) -> Iterator[Found]:
        """Derive the rows of `keys` from the events up to `upto`; yields the keys that cannot be, which get no row."""
        for failed in derive(self._connection, self._applier, keys, upto, self._skipped):
            place = dict(zip(self._projection.key, failed.key, strict=True))
            yield Found(place, Severity.ERROR, f"Its events cannot be applied today: {failed.error}")

    def _given(self, names: list[str]) -> set[str]:
        """Of these columns those that have a value in any derived row."""
        each = (identifiers.SQL("bool_or({} IS NOT NULL)").format(identifiers.Identifier(name)) for name in names)
        table = identifiers.Identifier(TEMPORARY, self.stored.name)
        query = identifiers.SQL("SELECT {} FROM {}").format(identifiers.SQL(", ").join(each), table)
        row = self._connection.execute(query).fetchone() or ()
        return {name for name, given in zip(names, row, strict=True) if given}

    def _choose(self, scope: AuditScope) -> bool:
        """Fill `affected_keys` with the keys that the scope is narrowed to; whether it is."""
        checkpoint = self._generation.checkpoint
        tenants = () if scope.tenant_id is None else (scope.tenant_id,)
        if scope.keys:
            collect_keys(self._connection, list(self._spelled(scope)))
        elif scope.since is not None:
            after = min(position_before(self._connection, scope.since), checkpoint)
            which = Selection(after, checkpoint, tenants, skipped=self._skipped)
            collect_affected_keys(self._connection, self._projection, self.expected, which)
        elif tenants:
            if "tenant_id" not in self._projection.key:
                raise DoesNotFit(f"The rows of {self._projection.name} belong to no tenant.")
            which = Selection(0, checkpoint, tenants, skipped=self._skipped)
            collect_affected_keys(self._connection, self._projection, self.expected, which)
            self._add_rows_of(tenants[0])
        else:
            return False
        return True

    def _spelled(self, scope: AuditScope) -> Iterator[tuple[str, ...]]:
        """The scope's keys as they are stored. Raises `KeyDoesNotFit`."""
        scope.check_keys(self._projection.key)
        for key in scope.keys:
            try:
                yield as_stored(self._connection, self._projection, self.stored, key)
            except errors.DataError as error:
                columns = [self.stored.by_name[name] for name in self._projection.key]
                raise KeyDoesNotFit(key, tuple(f"{column.name} ({column.type})" for column in columns)) from error

    def _add_rows_of(self, tenant_id: str) -> None:
        """Also the keys of the tenant's stored rows, whether an event affects them or not."""
        compose, identifier = identifiers.SQL, identifiers.Identifier
        parts = compose(", ").join(compose("{}::text").format(identifier(name)) for name in self._projection.key)
        stored = identifier(self.stored.schema, self.stored.name)
        statement = compose(
            "INSERT INTO pg_temp.affected_keys (key)"
            " SELECT ARRAY[{}] FROM {} WHERE tenant_id = {} EXCEPT TABLE pg_temp.affected_keys"
        ).format(parts, stored, identifiers.Literal(tenant_id))
        self._connection.execute(statement)

    def _dead_letters(self) -> dict[int, tuple[str, list[Key], str]]:
        parameters = {"generation": self._generation.generation}
        found = self._connection.execute(sql("projecting/dead_letters:of_generation"), parameters)
        return {position: (event_type, keys, error) for position, event_type, keys, error in found}


def _make_table(connection: Connection, stored: ReadModel, sure: ReadModel) -> None:
    """An empty table like the stored one: its columns, defaults and checks, no index.

    Columns that PostgreSQL fills by a sequence or a trigger stay empty here: they are not compared. `sure`
    has the other columns.
    """
    table = identifiers.Identifier(TEMPORARY, stored.name)
    statement = identifiers.SQL(
        "CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS)"
        " ON COMMIT DROP"
    )
    connection.execute(statement.format(table, identifiers.Identifier(stored.schema, stored.name)))
    filled = [column.name for column in stored.columns if column not in sure.columns]
    here = {"table": table.as_string(connection), "columns": filled}
    for (name,) in connection.execute(sql("auditing/derivation:checks"), here).fetchall():
        connection.execute(
            identifiers.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, identifiers.Identifier(name))
        )
    for name, computed in connection.execute(sql("auditing/derivation:columns"), here).fetchall():
        alter = "ALTER TABLE {0} ALTER {1} DROP NOT NULL" + ("" if computed else ", ALTER {1} SET DEFAULT NULL")
        connection.execute(identifiers.SQL(alter).format(table, identifiers.Identifier(name)))
