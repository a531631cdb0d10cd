"""Standbys: whether they follow, and whether anybody waits for one that is not there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acci.store.monitoring.checks.check import span
from acci.store.monitoring.doctor.diagnosis import Diagnosis, warning, well, wrong
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

LATE = 60.0  # seconds
MUCH = 1024**3  # bytes of WAL
SYNCHRONOUS = ("sync", "quorum", "potential")


@dataclass(frozen=True)
class Standby:
    """Who follows this server, and how many bytes and seconds behind. All but the name is hidden from most logins."""

    name: str
    state: str | None
    kind: str | None
    held: int | None
    seconds: float | None

    @property
    def is_late(self) -> bool:
        """Whether much is lost if the primary fails now."""
        return (self.seconds or 0) > LATE or (self.held or 0) > MUCH

    def __str__(self) -> str:
        return f"{self.name} ({self.state}, {self.kind}, {span(self.seconds or 0)} behind)"


def replication(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """Whether this is a standby, and who follows it. What only pg_monitor may see is not judged."""
    row = connection.execute(sql("monitoring/doctor:recovery")).fetchone()
    is_standby, awaited, wal_level, behind = row or (False, "", "", None)
    found = [Standby(*each) for each in connection.execute(sql("monitoring/doctor:standbys")).fetchall()]
    standbys = [each for each in found if each.state != "backup"]
    if is_standby:
        yield of_standby(behind)
    elif awaited:
        yield awaiting(awaited, wal_level, standbys)
    if standbys:
        yield following(standbys)
    elif not is_standby:
        yield well("standbys", f"None is connected (wal_level {wal_level}).")


def of_standby(behind: float | None) -> Diagnosis:
    """This server is a standby, `behind` by seconds if it has more to replay."""
    if behind is not None and behind > LATE:
        said = f"This server is a standby, and has replayed nothing for {span(behind)}."
        return warning("standby", said, "See its log, and whether its primary is there.")
    remedy = "For commands use the primary: a URL with both hosts and target_session_attrs=read-write finds it."
    return warning("standby", "This server is a standby: it takes no commands.", remedy)


def awaiting(names: str, wal_level: str, standbys: Sequence[Standby]) -> Diagnosis:
    """Commits wait for a synchronous standby."""
    hidden = bool(standbys) and all(each.state is None for each in standbys)
    if hidden or any(each.kind in SYNCHRONOUS for each in standbys):
        return well("synchronous standby", f"Commits wait for {names} (synchronous_standby_names).")
    said = f"Commits wait for {names} (synchronous_standby_names), and none is connected (wal_level {wal_level})."
    remedy = "Bring one back, or: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();"
    return wrong("synchronous standby", said, remedy)


def following(standbys: Sequence[Standby]) -> Diagnosis:
    """Who follows this server, and how well."""
    late = [each for each in standbys if each.is_late]
    astray = [each for each in standbys if each.state not in (None, "streaming")]
    if late:
        remedy = "See their logs, disks and network: a failover to one of them loses events."
        return warning("standbys", f"Far behind: {_listed(late)}.", remedy)
    if astray:
        return warning(
            "standbys", f"Do not stream: {_listed(astray)}.", "They may be catching up; else see their logs."
        )
    if all(each.state is None for each in standbys):
        names = ", ".join(each.name for each in standbys)
        return well("standbys", f"Connected: {names}. How far they are shows only to members of pg_monitor.")
    return well("standbys", f"{_listed(standbys)}.")


def slots(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """No replication slot keeps WAL for somebody who does not take it."""
    for row in connection.execute(sql("monitoring/doctor:slots")).fetchall():
        if (found := of_slot(*row)) is not None:
            yield found


def of_slot(name: str, active: bool, status: str | None, held: int | None, bounded: bool) -> Diagnosis | None:
    """A slot that has lost WAL, or keeps `held` bytes of it for nobody. None if it is as it should be."""
    drop = f"Let its user connect again, or: SELECT pg_drop_replication_slot('{name}');"
    if status in ("lost", "unreserved"):
        said = f"The replication slot {name} has lost WAL, or will at the next checkpoint: make its standby again."
        return wrong(f"slot {name}", said, drop)
    if active or held is None or held <= MUCH:
        return None
    ending = "up to max_slot_wal_keep_size" if bounded else "until the server's disk is full"
    said = f"The replication slot {name} is used by nobody and keeps {held / MUCH:,.1f} GB of WAL, {ending}."
    return warning(f"slot {name}", said, drop)


def _listed(standbys: Sequence[Standby]) -> str:
    return ", ".join(map(str, standbys))
