"""Whether the schema is as the migrations make it."""

from collections.abc import Iterator

from acci.store.auditing.findings import Severity
from acci.store.auditing.schema import differences
from acci.store.monitoring.checks.check import Bounds, Check
from acci.store.postgres.database import Connection
from acci.store.postgres.migrations import require_migrated
from acci.store.registry import Catalogue

NAMED = 3  # differences in one sentence
GUARDS = {  # the trigger and function that refuse changes to events
    "body of function acci.refuse_change()",
    "function acci.refuse_change()",
    "state of trigger events_are_append_only on acci.events",
    "trigger events_are_append_only on acci.events",
}


def migrations(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    """Every migration is applied. Raises `SchemaMissing`."""
    require_migrated(connection)
    yield Check("migrations", True, "Every migration of this version is applied.")


def schema(connection: Connection, _: Catalogue, _bounds: Bounds) -> Iterator[Check]:
    """Events cannot be changed; tables, rights, policies and functions are as they were made."""
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
