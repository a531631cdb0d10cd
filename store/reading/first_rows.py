"""The first rows of a read model in the past, derived page by page where each row depends on one stream.

Their order is that of the streams in the log's index, so for the first rows only their own events are read.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace

from acci.domain.projections import Projection
from acci.domain.projections.reference import Row
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.given_keys import streams_of
from acci.store.generations.generations import Generation
from acci.store.generations.tables import qualified
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting import decrypted_events
from acci.store.projecting.ranges import Key
from acci.store.reading.past_rows import PAGE, PastRows


def comes_in_order_of_streams(connection: Connection, projection: type[Projection], generation: Generation) -> bool:
    """Whether the rows, in order of key, are those of the streams in the log's order."""
    read_model = generation.read_model(connection)
    streams = streams_of(projection, read_model)
    if [streams.get(name) for name in projection.key] != ["tenant_id", "aggregate_id"]:
        return False
    if decrypted_events.uses_personal(projection) or any(
        read_model.by_name[name].type != "text" for name in projection.key
    ):
        return False
    table = qualified(connection, read_model.schema, read_model.name)
    wanted = {"table": table, "columns": list(projection.key)}
    return connection.execute(sql("reading/first_rows:sorted_alike"), wanted).fetchone() == (True,)


def first_rows(past: PastRows, which: Selection, limit: int) -> Generator[Row, None, None]:
    """At most `limit` of the rows, in order of key; of a projection for which `comes_in_order_of_streams`."""
    left = limit
    for keys in _pages(past.connection, limit):
        for row in replace(past, keys=keys).read(which):
            yield row
            left -= 1
            if not left:
                return


def _pages(connection: Connection, size: int) -> Iterator[list[Key]]:
    """The streams' keys, in order: first so many, then more at a time, since not every stream has a row."""
    tenant: str | None = None
    while row := connection.execute(sql("reading/first_rows:tenant"), {"tenant_id": tenant}).fetchone():
        tenant, last = row[0], ""
        while True:
            size = min(size, PAGE)
            within = {"tenant_id": tenant, "aggregate_id": last, "page": size}
            ids = [each for (each,) in connection.execute(sql("reading/first_rows:ids"), within)]
            if ids:
                yield [[tenant, each] for each in ids]
            if len(ids) < size:
                break
            last, size = ids[-1], size * 2
