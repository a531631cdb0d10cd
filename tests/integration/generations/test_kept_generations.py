"""Kept generations: audits check them, and a rollback refuses one that differs from what its events produce."""

from dataclasses import replace
from typing import LiteralString

import pytest
from psycopg import sql

from acci.domain.projections import Projection
from acci.domain.users import CONTEXT
from acci.store.auditing.audit import all_checks, audit
from acci.store.generations import generations
from acci.store.generations.table_definition import TableAltered
from acci.store.postgres.database import Connection
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.rebuilding.rollback import NotPutBack, roll_back
from acci.store.registry import Catalogue
from tests.support.histories import append_bad_order, append_orders, append_users
from tests.support.read_models import changed_users, live, rows_of, wrong_rows


@pytest.fixture
def kept(connection: Connection, catalogue: Catalogue, sales: type[Projection]) -> str:
    """The schema of a kept generation, of which events have happened since."""
    append_orders(connection, 40, "early-")
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "later-")
    catch_up(connection, catalogue, sales)
    build.rebuild(connection, catalogue, sales)
    append_orders(connection, 20, "late-")
    catch_up(connection, catalogue, sales)
    return "generation_1"


def found(connection: Connection, catalogue: Catalogue, projection: type[Projection]) -> list[str]:
    return [each.problem for each in audit(connection, catalogue, all_checks(catalogue)["kept"], projection.name).found]


ALTERED: dict[str, LiteralString] = {
    "a value": "UPDATE {} SET largest = largest + 1 WHERE (tenant_id, day) = (SELECT tenant_id, day FROM {} LIMIT 1)",
    "a sum": "UPDATE {} SET amount = amount + 1 WHERE (tenant_id, day) = (SELECT tenant_id, day FROM {} LIMIT 1)",
    "a row more": "INSERT INTO {} VALUES ('tenant-9', '1999-12-31', 1, 1, 1)",
    "a row less": "DELETE FROM {} WHERE (tenant_id, day) = (SELECT tenant_id, day FROM {} LIMIT 1)",
}


@pytest.mark.parametrize("what", ALTERED)
@pytest.mark.parametrize("as_it_was", [False, True])
def test_altered_rows_are_found_and_not_put_back(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], kept: str, what: str, as_it_was: bool
) -> None:
    assert found(connection, catalogue, sales) == []
    table = sql.Identifier(kept, "daily_sales")
    connection.execute(sql.SQL(ALTERED[what].replace("{}", "{0}")).format(table))

    (problem,) = found(connection, catalogue, sales)
    assert problem.startswith("Generation 1, which is kept for a rollback: The row ")
    with pytest.raises(NotPutBack, match="Generation 1 of daily_sales was not put back, the live one stays"):
        roll_back(connection, catalogue, sales, as_it_was=as_it_was)
    assert live(connection, sales).generation == 2
    assert wrong_rows(connection, sales) == 0
    assert roll_back(connection, catalogue, sales, as_it_was=as_it_was, unchecked=True).generation == 1


@pytest.mark.parametrize("by", [-20, 20, 1000])
def test_a_checkpoint_that_was_moved_is_found_and_put_back(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], kept: str, by: int
) -> None:
    connection.execute("UPDATE acci.generations SET checkpoint = checkpoint + %s WHERE state = 'kept'", (by,))
    (problem,) = found(connection, catalogue, sales)
    assert "Its checkpoint was moved by hand from 60 to" in problem
    assert roll_back(connection, catalogue, sales).generation == 1
    assert wrong_rows(connection, sales) == 0


def test_a_checkpoint_that_was_moved_is_put_back_though_its_rules_are_gone(
    connection: Connection, catalogue: Catalogue
) -> None:
    append_users(connection, 20)
    new = Catalogue((replace(CONTEXT, projections=(changed_users(),)),))
    users = catalogue.projection("user_view")
    build.rebuild(connection, catalogue, users)
    before = rows_of(connection, users)
    build.rebuild(connection, new, new.projection("user_view"))
    connection.execute("UPDATE acci.generations SET checkpoint = checkpoint - 5 WHERE state = 'kept'")
    roll_back(connection, new, new.projection("user_view"), as_it_was=True)
    append_users(connection, 20, first=21)
    catch_up(connection, catalogue, users)
    assert wrong_rows(connection, users) == 0
    assert len(rows_of(connection, users)) > len(before)


def test_an_altered_table_is_found(
    connection: Connection, catalogue: Catalogue, sales: type[Projection], kept: str
) -> None:
    connection.execute("ALTER TABLE generation_1.daily_sales ALTER amount DROP NOT NULL")
    assert any("Its table was altered by hand" in problem for problem in found(connection, catalogue, sales))
    with pytest.raises(TableAltered):
        roll_back(connection, catalogue, sales)


def test_events_discarded_later_are_no_finding(connection: Connection, catalogue: Catalogue) -> None:
    """Also if it was a dead letter of the kept generation, and also when that is put back."""
    totals = catalogue.projection("order_totals")
    append_orders(connection, 5)
    append_bad_order(connection)
    build.rebuild(connection, catalogue, totals)
    build.rebuild(connection, catalogue, totals)
    for letter in dead_letters.letters(connection):
        dead_letters.discard(connection, catalogue, letter.dead_letter, "not wanted")
    expected = rows_of(connection, totals)
    assert found(connection, catalogue, totals) == []
    roll_back(connection, catalogue, totals)
    assert rows_of(connection, totals) == expected
    assert dead_letters.letters(connection) == []
    assert generations.parked_keys(connection).get("order_totals", 0) == 0
