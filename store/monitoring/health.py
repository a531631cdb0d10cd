"""Health: whether everything is as it should be, for people on call and for what watches over them.

Nothing is changed by looking, so that what stands still is seen to stand still.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.store.auditing.findings import Severity
from acci.store.auditing.schema import differences
from acci.store.auditing.statistics import last_audit, open_findings
from acci.store.database_url import direct_url
from acci.store.generations import generations
from acci.store.generations.table_definition import TableAltered, alterations
from acci.store.log import high_water
from acci.store.log.unknown_events import WHAT_TO_DO, listed, unread
from acci.store.monitoring.metrics import STRIDE, count_events
from acci.store.monitoring.status import read_projections
from acci.store.postgres import migrations
from acci.store.postgres.database import Connection, connect, whereabouts
from acci.store.postgres.errors import SchemaMissing, SequenceBehind, refusal_of
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.settings import Settings

NAMED = 3  # differences in one sentence
GUARDS = {  # what refuses to change events
    "body of function acci.refuse_change()",
    "function acci.refuse_change()",
    "state of trigger events_are_append_only on acci.events",
    "trigger events_are_append_only on acci.events",
}
COUNTED = 3  # strides of a log that nobody has counted yet, at one look
PATIENCE = "10s"  # for one statement: an answer that comes late is no answer


@dataclass(frozen=True)
class Bounds:
    """What is still healthy: seconds, unless said otherwise. `quiet_seconds` None: a log may be silent for ever."""

    mark_seconds: float = 300
    lag_seconds: float = 600
    lag_events: int = 1_000_000
    audit_hours: float = 26
    dead_letters: int = 0
    quiet_seconds: float | None = None


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `said` is a sentence, with what to do if it is not healthy.

    `projection` is the read model that it is about, if it is about one.
    """

    kind: str
    healthy: bool
    said: str
    projection: str | None = None

    @property
    def name(self) -> str:
        """What it is called among all that were looked at."""
        return self.kind if self.projection is None else f"{self.kind} of {self.projection}"


@dataclass(frozen=True)
class Health:
    """What was looked at, in order. `reached` is false if the database was not, and nothing else could be seen."""

    checks: tuple[Check, ...]
    reached: bool = True

    @property
    def healthy(self) -> bool:
        return all(check.healthy for check in self.checks)


def examine(settings: Settings, catalogue: Catalogue, bounds: Bounds) -> Health:
    """Make every check once. What a person can mend is not raised: it is a check that failed."""
    try:
        url = direct_url(settings)
        connection = connect(url, "health", "administer", shared=True)
    except SchemaMissing as error:
        return Health((Check("migrations", False, str(error)),))
    except AcciError as error:
        return Health((Check("database", False, str(error)),), reached=False)
    checks = [Check("database", True, f"{whereabouts(url)} answers.")]
    with connection:
        for name, check in CHECKS:
            found = list(_made(name, check, connection, catalogue, bounds))
            checks += found
            if name == "migrations" and not all(check.healthy for check in found):
                break  # on another schema nothing else means anything
    return Health(tuple(checks))


CheckFunction = Callable[[Connection, Catalogue, Bounds], Iterator[Check]]


def _made(
    name: str, check: CheckFunction, connection: Connection, catalogue: Catalogue, bounds: Bounds
) -> Iterator[Check]:
    try:
        with connection.transaction():
            connection.execute(sql("monitoring/health:limit_time"), {"timeout": PATIENCE})
            yield from list(check(connection, catalogue, bounds))
    except Exception as error:
        refusal = error if isinstance(error, AcciError) else refusal_of(error)
        if refusal is None:
            raise
        yield Check(name, False, str(refusal))


def _migrations(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    migrations.require_migrated(connection)
    yield Check("migrations", True, "Every migration of this checkout is applied.")


def _schema(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    found = [each for each in differences(connection) if each.severity is Severity.ERROR]
    guards = [each for each in found if each.what in GUARDS]
    if guards:
        said = f"Events can be changed or removed. {guards[0]} Then run `acci run audit`."
        yield Check("append-only", False, said)
    else:
        yield Check("append-only", True, "PostgreSQL refuses to change events.")
    others = [each for each in found if each.what not in GUARDS]
    if others:
        named = " ".join(map(str, others[:NAMED]))
        more = len(others) - NAMED
        rest = f" {more:,} more: see `acci run audit --check schema`." if more > 0 else ""
        yield Check("schema", False, f"ACCI's own objects are not as the migrations make them. {named}{rest}")
    else:
        yield Check("schema", True, "Tables, rights, policies and functions are as the migrations make them.")


def _sequence(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    row = connection.execute(sql("monitoring/health:sequence")).fetchone()
    if row is None:
        yield Check("sequence", True, "This server is a standby: positions are given by its primary.")
    elif row[1] < row[0]:
        said = f"the sequence of positions is at {row[1]:,}, and position {row[0]:,} is taken or passed"
        yield Check("sequence", False, str(SequenceBehind(said)))
    else:
        yield Check("sequence", True, "Positions are given above all that are stored.")


def _mark(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    mark = high_water.current(connection)
    if mark.standby:
        said = f"The high-water mark is at {mark.position:,} of {mark.head:,}, as its primary established it."
        yield Check("mark", True, said)
    elif mark.position > mark.head:
        said = (
            f"The high-water mark {mark.position:,} is beyond the log's head {mark.head:,}: the log was restored "
            "from an older backup. The next catch-up sets it right; rebuild what it refuses."
        )
        yield Check("mark", False, said)
    elif mark.behind > bounds.mark_seconds and mark.holders:
        holder = mark.holders[0]
        process = "" if holder.pid is None else f", process {holder.pid}"
        way_out = "end that transaction, or read models stay as they are."
        if holder.committed:
            way_out = (
                "it has committed, and no synchronous standby confirms it. Do not end it: bring a standby back, or "
                "take it out of synchronous_standby_names."
            )
        yield Check(
            "mark",
            False,
            f"The high-water mark has been held at {mark.position:,} for {span(mark.behind)} by {holder.who}{process} "
            f"({holder.state}): {way_out}",
        )
    elif mark.behind > bounds.mark_seconds:
        yield Check(
            "mark",
            False,
            f"The high-water mark has stood at {mark.position:,} for {span(mark.behind)} while the log went on to "
            f"{mark.head:,}: nothing runs that moves it. See whether the worker and the catch-up's schedule are on.",
        )
    else:
        yield Check("mark", True, f"The high-water mark is at {mark.position:,} of {mark.head:,}.")


def _lag(connection: Connection, catalogue: Catalogue, bounds: Bounds) -> Iterator[Check]:
    for each in read_projections(connection, catalogue, high_water.current(connection).head):
        name, behind = each.projection, f"{each.lag_events:,} events and {span(each.lag_seconds)} behind"
        if each.state == "live":
            within = each.lag_events <= bounds.lag_events and each.lag_seconds <= bounds.lag_seconds
            more = "" if within else ": see the last catch-up's run, or run `acci run catch-up`"
            yield Check("lag", within, f"{each.projection} is {behind}{more}.", name)
        else:
            said = f"{each.projection} is not kept up to date ({each.state}): run `{each.remedy}`."
            yield Check("lag", False, said, name)


def _read_models(connection: Connection, catalogue: Catalogue, _: Bounds) -> Iterator[Check]:
    names = {"names": [*catalogue.projections]}
    for name, shown in connection.execute(sql("monitoring/health:read_models"), names).fetchall():
        generation = generations.live(connection, name)
        altered = () if generation is None else alterations(connection, generation)
        if altered:
            yield Check("read model", False, str(TableAltered(name, altered)), name)
        elif shown:
            yield Check("read model", True, f"read.{name} shows the live table, which is as it was made.", name)
        else:
            said = f"read.{name} is gone or shows something else: run `acci run rebuild {name}`."
            yield Check("read model", False, said, name)


def _dead_letters(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    found = [row for row in connection.execute(sql("projecting/dead_letters:of_live")).fetchall() if row[1]]
    many = sum(row[1] for row in found)
    if many > bounds.dead_letters:
        of = ", ".join(f"{letters:,} of {name} with {keys:,} keys parked" for name, letters, keys in found)
        yield Check(
            "dead letters", False, f"Events could not be applied: {of}. See `acci dead-letters list`; mend and retry."
        )
    else:
        yield Check("dead letters", True, f"{many:,} events could not be applied." if many else "There are none.")


def _event_types(connection: Connection, catalogue: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    mark = high_water.current(connection)
    upto = min(mark.position, mark.head)
    if connection.info.parameter_status("in_hot_standby") != "on":
        count_events(connection, upto, COUNTED)
    found = unread(connection, catalogue, upto, STRIDE)
    if found:
        said = f"Nobody reads some events: {listed(found)}. Their aggregates decide nothing. {WHAT_TO_DO}"
        yield Check("event types", False, said)
    else:
        yield Check("event types", True, "Every event is of a registered class, or retired.")


def _audit(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    last, hours = last_audit(connection), bounds.audit_hours
    if last is None:
        row = connection.execute(sql("monitoring/health:schema_age")).fetchone()
        age = float(row[0]) if row and row[0] is not None else 0.0
        yield Check("last audit", age <= hours * 3600, "There was no whole audit yet: run `acci run audit`.")
        return
    sample = "" if last.one_in == 1 else f", of one key in {last.one_in}"
    said = f"The last audit{sample}, {span(last.age)} ago, found {last.errors:,} errors and {last.warnings:,} warnings"
    if last.age > hours * 3600:
        yield Check("last audit", False, f"{said}: that is long ago; run `acci run audit`, and see its schedule.")
    else:
        yield Check("last audit", True, f"{said}.")


def _findings(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    found = open_findings(connection)
    errors = sum(many for (severity, _), many in found.items() if severity == "error")
    lesser = sum(found.values()) - errors
    if errors:
        said = f"{errors:,} findings of severity error are open: see `acci findings`; `acci run repair` mends rows."
        yield Check("findings", False, said)
    else:
        yield Check("findings", True, f"No error is open, {lesser:,} lesser findings are.")


def _events(connection: Connection, _: Catalogue, bounds: Bounds) -> Iterator[Check]:
    if bounds.quiet_seconds is None:
        return
    row = connection.execute(sql("monitoring/health:last_event")).fetchone()
    if row is None:
        yield Check("recent events", False, "The log has no event at all.")
    else:
        recent = row[0] <= bounds.quiet_seconds
        more = "" if recent else ": nobody appends any more"
        yield Check("recent events", recent, f"The last event was recorded {span(row[0])} ago{more}.")


CHECKS: tuple[tuple[str, CheckFunction], ...] = (
    ("migrations", _migrations),
    ("schema", _schema),
    ("sequence", _sequence),
    ("mark", _mark),
    ("lag", _lag),
    ("read model", _read_models),
    ("dead letters", _dead_letters),
    ("event types", _event_types),
    ("last audit", _audit),
    ("findings", _findings),
    ("recent events", _events),
)


def span(seconds: float) -> str:
    """A length of time for people: 0.4 s, 12 min, 3.5 h, 2.0 days."""
    if seconds < 120:
        return f"{seconds:,.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.1f} days"
