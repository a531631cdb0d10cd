"""The README's projection becomes the SQL that stands beside it."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from acci.domain.contexts import Context
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from tests.support.pages import blocks
from tests.support.shell import CHECKOUT

EVENT = """
INSERT INTO acci.events
    (id, tenant_id, aggregate_type, aggregate_id, version, event_type, schema_version, data, metadata, timestamp)
VALUES (gen_random_uuid(), 't1', 'Item', 'bolt', %s, 'StockMoved', 1, '{"count": 4}', '{"correlation_id": "c"}', now())
"""


def plain(text: str) -> str:
    """The statement without what layout adds."""
    return re.sub(r"\s*([()])\s*", r"\1", " ".join(text.split()))


def test_the_projection_of_the_readme_compiles_to_its_sql(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = blocks(CHECKOUT / "README.md")
    rules = next(block.text for block in shown if block.language == "python")
    table = next(block.text for block in shown if block.file == "movements.sql")
    statement = next(block.text for block in shown if block.text.startswith("MERGE"))
    names: dict[str, Any] = {"__name__": "readme"}
    exec(rules, names)  # noqa: S102 what the README says
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "movements.sql").write_text(table)
    movements = names["Movements"]
    context = Context(name="readme", sql=tmp_path, events=(names["StockMoved"],), projections=(movements,))
    catalogue = Catalogue((context,))
    build.rebuild(connection, catalogue, movements)
    for version in (1, 2):
        connection.execute(EVENT, (version,))

    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def listening(cursor: Any, query: Any, *rest: Any, **named: Any) -> Any:
        sent.append(query.decode() if isinstance(query, bytes) else str(query))
        return execute(cursor, query, *rest, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", listening)
    catch_up(connection, catalogue, movements)

    (merged,) = (query for query in sent if query.startswith("MERGE"))
    parts = [re.escape(plain(part)) for part in statement.split("…")]
    assert re.fullmatch(r"\s?.*?\s?".join(parts), plain(merged)), merged
    row = connection.execute("SELECT tenant_id, id, on_hand FROM read.movements").fetchone()
    assert row == ("t1", "bolt", 8)
