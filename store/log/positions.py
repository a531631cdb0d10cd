"""Positions may have holes: strides through the log skip a hole of any width in one step."""

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


def end_of_stride(connection: Connection, after: int, size: int, upto: int) -> int:
    """Where a stride of `size` positions from `after` ends: at most at `upto`, and extended over a hole behind it.

    With events at 1, 2 and 1,000,000, a stride of 2 from 0 ends at 999,999. What is at or below `upto` must be final.
    """
    end = min(after + size, upto)
    if end == upto:
        return upto
    row = connection.execute(sql("log/next_position"), {"after": end}).fetchone()
    return upto if row is None else min(int(row[0]) - 1, upto)
