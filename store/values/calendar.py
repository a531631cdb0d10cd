"""Timestamps that PostgreSQL holds and Python does not: infinity, before Christ, after the year 9999.

They are refused today. A log that has one is still read: as the first or the last timestamp that Python has, and the
audit `envelopes` names it.
"""

from datetime import UTC, datetime

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


def read_every_moment() -> None:
    """From now on every connection of this process reads such a timestamp instead of failing."""
    usual = psycopg.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, Format.TEXT)
    if usual is not None and not issubclass(usual, _TimestampLoader):
        psycopg.adapters.register_loader("timestamptz", type("Moment", (_TimestampLoader,), {"usual": usual}))


class _TimestampLoader(Loader):
    usual: type[Loader]

    def __init__(self, oid: int, context: psycopg.abc.AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._load = self.usual(oid, context).load

    def load(self, data: Buffer) -> datetime:
        try:
            moment: datetime = self._load(data)
        except psycopg.DataError:
            text = bytes(data)
            return FIRST if text.startswith(b"-") or text.endswith(b"BC") else LAST
        return moment
