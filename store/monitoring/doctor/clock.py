"""Whether this machine's clock and the server's agree."""

import time
from collections.abc import Iterator

from acci.store.monitoring.doctor.diagnosis import Diagnosis, warning, well, wrong
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql

NOTED, TOO_MUCH = 1.0, 60.0  # seconds
REMEDY = "Let NTP (chrony, systemd-timesyncd) set the clocks of both machines."


def clock(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """Asks the server for the time. Half of what the question takes is not known to whom it belongs."""
    begun = time.time()
    row = connection.execute(sql("monitoring/doctor:clock"), prepare=False).fetchone()
    ended = time.time()
    yield judged(float(row[0]) - (begun + ended) / 2 if row else 0.0, (ended - begun) / 2)


def judged(ahead: float, unsure: float) -> Diagnosis:
    """What it means that the server is `ahead` by so many seconds, give or take `unsure`."""
    apart = abs(ahead)
    if apart - unsure <= NOTED:
        return well("clock", f"This machine and the server differ by {apart:.3f} s, give or take {unsure:.3f} s.")
    side = "ahead of" if ahead > 0 else "behind"
    said = f"The server is {apart:,.1f} s {side} this machine: timestamps of commands and of the server do not agree."
    return (wrong if apart - unsure > TOO_MUCH else warning)("clock", said, REMEDY)
