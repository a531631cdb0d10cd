"""Hand-written SQL under the same conditions: the same table and indexes, the same settings, batches as large."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from psycopg import sql as identifiers

from acci.domain.projections import Projection
from acci.store.generations.tables import (
    Index,
    ReadModel,
    build_indexes,
    describe,
    drop_indexes,
    indexes,
    table_sql,
)
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.statements import sql
from acci.store.projecting.batches import WORK_MEM
from tests.bench.ground import CATALOGUE, text

SCHEMA = "hand"
SQL = Path(__file__).parent / "sql"


class Hand:
    """One read model made by hand, in schema `hand`; its SQL files lie in `sql/rebuild` and `sql/catch_up`.

    A file may be for another table with the same columns, whose name is then replaced.
    """

    def __init__(self, url: str, projection: type[Projection], like: str | None = None) -> None:
        self._url, self.projection, self._like = url, projection, like or projection.name

    def ways(self, what: str) -> list[str]:
        """The names of the ways to do it."""
        return sorted(file.stem for file in (SQL / what / self._like).glob("*.sql"))

    def rebuild(self, way: str) -> float:
        """Make and fill the table, with its indexes; the seconds it took."""
        statement = self._text("rebuild", way)
        with connect(self._url, "bench") as connection:
            begin = self._begin(connection)
            read_model, taken_off = self._empty_table(connection)
            drop_indexes(connection, read_model, taken_off)
            if b"CREATE TABLE" in statement:
                connection.execute(identifiers.SQL("DROP TABLE {}").format(self._table))
            if b"%(half)s" in statement:
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda half: self._run(statement, {"half": half}), range(2)))
            else:
                self._run(statement, {})
            with connection.transaction():
                connection.execute(sql("projecting/session:settings_for_indexes"), {"maintenance_work_mem": WORK_MEM})
                build_indexes(connection, read_model, taken_off)
            connection.execute(identifiers.SQL("ANALYZE {}").format(self._table))
            return time.perf_counter() - begin

    def catch_up(self, way: str, events: int, batch_size: int) -> float:
        """Fill the table batch by batch, each with its checkpoint in a transaction of its own; the seconds it took."""
        statement = self._text("catch_up", way)
        with connect(self._url, "bench") as connection:
            self.start_catch_up(connection)
            begin = time.perf_counter()
            for after in range(0, events, batch_size):
                with connection.transaction():
                    connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
                    connection.execute(statement, {"after": after, "upto": after + batch_size})
                    connection.execute("UPDATE hand.checkpoint SET position = %s", (after + batch_size,))
            return time.perf_counter() - begin

    def start_catch_up(self, connection: Connection) -> None:
        """Afterwards the table is empty, with its indexes, and the checkpoint is 0."""
        self._begin(connection)
        self._empty_table(connection)
        connection.execute("CREATE TABLE hand.checkpoint (position bigint)")
        connection.execute("INSERT INTO hand.checkpoint VALUES (0)")
        connection.execute("CHECKPOINT")

    def check(self, connection: Connection) -> None:
        """Whether the rows are those of the live read model. Raises `ValueError`."""
        told = describe(connection, SCHEMA, self.projection.name).columns
        columns = identifiers.SQL(", ").join(identifiers.Identifier(each.name) for each in told if not each.generated)
        compare = identifiers.SQL(text("same")).format(
            columns=columns, one=self._table, other=identifiers.Identifier("read", self.projection.name)
        )
        row = connection.execute(compare).fetchone()
        if row != (0,):
            raise ValueError(f"{row} rows of {self.projection.name} differ: what is compared is not the same work")

    @property
    def _table(self) -> identifiers.Identifier:
        return identifiers.Identifier(SCHEMA, self.projection.name)

    def _text(self, what: str, way: str) -> bytes:
        return text(f"{what}/{self._like}/{way}").replace(f"hand.{self._like}", f"hand.{self.projection.name}").encode()

    def _begin(self, connection: Connection) -> float:
        connection.execute("DROP SCHEMA IF EXISTS hand CASCADE")
        connection.execute("CHECKPOINT")
        return time.perf_counter()

    def _empty_table(self, connection: Connection) -> tuple[ReadModel, tuple[Index, ...]]:
        with connection.transaction():
            connection.execute("CREATE SCHEMA hand")
            connection.execute(sql("generations/schemas:enter"), {"schema": SCHEMA})
            connection.execute(table_sql(CATALOGUE, self.projection).encode(), prepare=False)
            connection.execute(sql("generations/schemas:leave"))
            read_model = describe(connection, SCHEMA, self.projection.name)
            return read_model, indexes(connection, read_model)

    def _run(self, statement: bytes, parameters: dict[str, int]) -> None:
        with connect(self._url, "bench") as connection, connection.transaction():
            connection.execute(sql("projecting/session:settings"), {"work_mem": WORK_MEM})
            connection.execute(statement, parameters)
