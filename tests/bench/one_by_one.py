"""The read model of folded users kept by hand with one statement an event, as a handler called per event keeps it."""

import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from acci.store.postgres.database import connect
from tests.bench.ground import text
from tests.bench.hand import Hand

READ_AT_ONCE = 1000
STATEMENTS = {
    event.event_type(): text(f"one_by_one/{re.sub('(?<!^)(?=[A-Z])', '_', event.event_type()).lower()}")
    for event in (UserCreated, UserUpdated, UserDeactivated, UserReactivated, UserDeleted)
}


def catch_up(url: str, hand: Hand, a_commit: int) -> float:
    """The seconds from an empty table to the log's end, with a commit and a checkpoint each `a_commit` events."""
    with connect(url, "bench") as reading, connect(url, "bench") as connection:
        hand.start_catch_up(connection)
        began = time.perf_counter()
        with reading.transaction(), reading.cursor("events") as cursor:
            cursor.itersize = READ_AT_ONCE
            cursor.execute(text("one_by_one/read"))
            events: Iterator[tuple[Any, ...]] = iter(cursor)
            while batch := list(islice(events, a_commit)):
                with connection.transaction():
                    for tenant_id, aggregate_id, event_type, data, at, _ in batch:
                        values = {"tenant_id": tenant_id, "id": aggregate_id, "at": at} | data
                        connection.execute(STATEMENTS[event_type], values, prepare=True)
                    connection.execute(text("one_by_one/checkpoint"), {"position": batch[-1][-1]}, prepare=True)
        return time.perf_counter() - began
