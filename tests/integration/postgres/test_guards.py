"""What catch-up, and a retry of dead letters, refuse to touch, each with the way out."""

import pytest

from acci.domain.projections import Projection
from acci.store.generations import generations
from acci.store.generations.table_definition import TableAltered
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.support.histories import append_bad_order


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["tests.domains.orders"])


@pytest.mark.parametrize(
    ("alteration", "change"),
    [
        ("ALTER TABLE {} ADD COLUMN note text", "column note was added"),
        ("ALTER TABLE {} DROP COLUMN largest", "column largest is gone"),
        ("ALTER TABLE {} ALTER COLUMN orders TYPE integer", "column orders changed"),
        ("CREATE INDEX by_hand ON {} (orders)", "index by_hand was added"),
        ("ALTER TABLE {} ADD CONSTRAINT positive CHECK (orders > 0)", "constraint positive was added"),
    ],
)
def test_a_table_altered_by_hand_is_noticed_and_named(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], alteration: str, change: str
) -> None:
    build.rebuild(connection, catalogue, sales)
    live = generations.live(connection, "daily_sales")
    assert live is not None
    append_bad_order(connection)
    assert dead_letters.retry(connection, catalogue, sales).parked == 0
    batches.catch_up(connection, catalogue, sales)
    connection.execute("DROP VIEW read.daily_sales")
    connection.execute(alteration.format(f"{live.schema}.daily_sales"))

    for advance in (batches.catch_up, dead_letters.retry):
        with pytest.raises(TableAltered) as refusal:
            advance(connection, catalogue, sales)

        assert change in refusal.value.changes
        assert "rebuild daily_sales" in str(refusal.value)
