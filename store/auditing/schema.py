"""ACCI's own objects: whether tables, rights, policies, triggers and functions are as the migrations make them.

What the migrations make is committed in `sql/schema.json`, so that no database has to be made to compare with;
`make schema` writes it, and a test holds it against the migrations.
"""

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from acci.domain.errors import AcciError
from acci.store.auditing.checks import CheckContext, DoesNotFit, LeftOut
from acci.store.auditing.findings import Found, Severity
from acci.store.postgres import migrations
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import SQL, sql

FILE = SQL / "schema.json"
OWNER = "(owner)"  # stands for the user that migrated
# The server has a function of its own for it since.
BEFORE_16 = {
    "body of aggregate acci.first(anyelement)": (
        "CREATE OR REPLACE AGGREGATE acci.first(anyelement) (SFUNC = acci.kept, STYPE = anyelement)"
    ),
    "body of function acci.kept(anyelement, anyelement)": (
        "CREATE OR REPLACE FUNCTION acci.kept(anyelement, anyelement)\n RETURNS anyelement\n LANGUAGE sql\n"
        " IMMUTABLE PARALLEL SAFE STRICT\nAS $function$SELECT $1$function$"
    ),
    "function acci.kept(anyelement, anyelement)": "ALTER FUNCTION acci.kept(anyelement, anyelement) OWNER TO (owner)",
    "right to EXECUTE function acci.kept(anyelement, anyelement) of PUBLIC": (
        "GRANT EXECUTE ON FUNCTION acci.kept(anyelement, anyelement) TO PUBLIC"
    ),
}
BY_SETTING = {  # there, or not, as ACCI_UNIQUE_EVENT_IDS says
    "index events_id_key of acci.events": "CREATE UNIQUE INDEX events_id_key ON acci.events USING btree (id)"
}
LONGEST = 300  # characters of a statement in a sentence
COLUMN = "column "
WHOLE = (
    "aggregate ",
    "domain ",
    "foreign table ",
    "function ",
    "materialized view ",
    "procedure ",
    "sequence ",
    "table ",
    "type ",
    "view ",
)
WITH_PARTS = (*WHOLE, COLUMN, "constraint ", "trigger ")
MADE_AGAIN = ("constraint ", "index ", "policy ", "right ", "default right ", "rule ", "trigger ")
HARMLESS = (
    "aggregate",
    "body",
    "domain",
    "function",
    "index",
    "materialized view",
    "procedure",
    "sequence",
    "table",
    "type",
    "values",
    "view",
)


@dataclass(frozen=True)
class Difference:
    """`what` is not as it should be: `problem` says how, `remedy` the SQL that mends it, empty if none does alone."""

    what: str
    severity: Severity
    problem: str
    remedy: str

    def __str__(self) -> str:
        again = "make it again as its migration does"
        way_out = f"run: {self.remedy}" if 0 < len(self.remedy) <= LONGEST else again
        return f"{self.what[0].upper()}{self.what[1:]} {self.problem}; {way_out}."


def check_schema(context: CheckContext) -> Iterator[Found]:
    """Every difference between ACCI's own objects and what the migrations make, and what makes a table unsafe."""
    if context.scope.tenant_id is not None:
        raise DoesNotFit("schema cannot be confined to a tenant.")
    try:
        migrations.require_migrated(context.connection)
    except AcciError as refusal:
        raise LeftOut(str(refusal)) from refusal
    for each in differences(context.connection):
        yield Found({"object": each.what}, each.severity, str(each), {"remedy": each.remedy})


def differences(connection: Connection) -> Iterator[Difference]:
    """What differs, by name. Needs no rights but to read PostgreSQL's catalogue."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql("auditing/schema_session"))
        rows = connection.execute(sql("auditing/schema_objects")).fetchall()
        unsafe = connection.execute(sql("auditing/schema_dangers")).fetchall()
    yield from _differences(rows, dict(made_by_migrations()) | (BEFORE_16 if is_before_16(connection) else {}))
    for severity, what, problem, remedy in unsafe:
        yield Difference(what, Severity(severity), problem, remedy)


def described(connection: Connection) -> dict[str, str]:
    """What there is of ACCI's own in this database, as the committed file has it."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql("auditing/schema_session"))
        return {what: made for what, made, *_ in connection.execute(sql("auditing/schema_objects")).fetchall()}


@cache
def made_by_migrations() -> dict[str, str]:
    """By the name of each object or right, the statement that makes it."""
    made: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    return made


def is_before_16(connection: Connection) -> bool:
    return connection.info.server_version < 160_000


def _differences(rows: list[tuple[Any, ...]], expected: dict[str, str]) -> Iterator[Difference]:
    owner = rows[0][3] if rows else OWNER
    found: dict[str, tuple[str, str | None]] = {what: (made, away) for what, made, away, _ in rows}
    expected |= {what: made for what, made in BY_SETTING.items() if what in found}
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    for what in sorted(expected.keys() | found.keys()):
        if _within_another(what, missing | extra):
            continue
        wanted = expected.get(what, "").replace(OWNER, owner)
        made, away = (text and text.replace(OWNER, owner) for text in found.get(what, ("", None)))
        if what in missing:
            remedy = expected.get(f"body of {what}", "") if what.startswith(WHOLE) else wanted
            yield Difference(what, Severity.ERROR, "is gone", remedy)
        elif what in extra:
            severity = Severity.WARNING if what.startswith(HARMLESS) else Severity.ERROR
            problem = "is none that the migrations make"
            yield Difference(what, severity, problem, away or made or "")
        elif made != wanted:
            again = (away, wanted) if what.startswith(MADE_AGAIN) else (wanted,)
            remedy = "" if what.startswith(COLUMN) else "; ".join(filter(None, again))
            yield Difference(what, Severity.ERROR, "is not what the migrations make", remedy)


def _within_another(what: str, named: Set[str]) -> bool:
    """Whether it is a part of something, of a table say, that is itself named as gone or as none of the migrations'."""
    whole = ((each, each.partition(kind)[2]) for each in named for kind in WITH_PARTS if each.startswith(kind))
    return any(each != what and re.search(rf'(?<![\w."]){re.escape(place)}(?![\w"])', what) for each, place in whole)
