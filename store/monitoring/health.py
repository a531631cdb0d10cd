"""Health: whether everything is as it should be, for people on call and for monitoring.

A check changes nothing: it does not move the high-water mark, so a mark that no process moves is noticed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.store.database_url import direct_url
from acci.store.monitoring.checks import audits, log, reactions, read_models, schema
from acci.store.monitoring.checks.check import PATIENCE, Bounds, Check
from acci.store.postgres.address import whereabouts
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.errors import SchemaMissing
from acci.store.postgres.refusals import refusal_of
from acci.store.postgres.replica import lag_of
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.settings import Settings

CheckFunction = Callable[[Connection, Catalogue, Bounds], Iterator[Check]]
CHECKS: tuple[tuple[str, CheckFunction], ...] = (
    ("migrations", schema.migrations),
    ("schema", schema.schema),
    ("sequence", log.sequence),
    ("mark", log.mark),
    ("lag", read_models.lag),
    ("read model", read_models.shown),
    ("dead letters", read_models.dead_letters),
    ("reactions", reactions.reactions),
    ("event types", log.event_types),
    ("last audit", audits.last),
    ("findings", audits.findings),
    ("recent events", log.recent_events),
)


@dataclass(frozen=True)
class Health:
    """The checks, in order. `reached` is false if the database could not be reached, so no other check was made."""

    checks: tuple[Check, ...]
    reached: bool = True

    @property
    def healthy(self) -> bool:
        return all(check.healthy for check in self.checks)


def examine(settings: Settings, catalogue: Catalogue, bounds: Bounds) -> Health:
    """Make every check once. What a person can fix is a failed check, not an exception."""
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
                break  # with another schema the other checks mean nothing
    return Health((*checks, *_of_replica(settings, url)))


def _of_replica(settings: Settings, url: str) -> Iterator[Check]:
    """Reads go to the replica, if there is one."""
    if settings.read_url is not None:
        found = lag_of(url, settings.read_url, settings.read_lag, "administer")
        yield Check("replica", found.problem is None, str(found))


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
