"""Rows that a constraint or an index of the read model refuses: a rebuild makes the same dead letters as a catch-up."""

import json
from pathlib import Path

import pytest

from acci.domain.contexts import Context
from acci.domain.errors import UnknownNumber
from acci.domain.events import Event
from acci.domain.projections import Insert, Projection, Update, on
from acci.store.generations import dropping, generations, lifecycle
from acci.store.generations.dropping import StillLive
from acci.store.generations.generations import Busy, Generation
from acci.store.postgres.database import Connection, connect
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build, gate, new_generation, publish, rollback
from acci.store.registry import Catalogue
from tests.domains.orders import CONTEXT, ItemAdded, OrderPlaced
from tests.support.histories import value
from tests.support.read_models import live, rows_of
from tests.support.shell import acci

LONG = "hex 20000"
TRIGGER = """
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN new; END $$;
CREATE TRIGGER looks BEFORE INSERT OR UPDATE ON members FOR EACH ROW EXECUTE FUNCTION look();
"""
REFUSED = {
    "a unique column": ("UNIQUE (customer)", "", "ann"),
    "a deferred unique column": ("UNIQUE (customer) DEFERRABLE INITIALLY DEFERRED", "", "ann"),
    "an exclusion": ("EXCLUDE USING btree (customer WITH =)", "", "ann"),
    "a unique index of an expression": ("", "CREATE UNIQUE INDEX ON members (lower(customer));", "ANN"),
    "a partial unique index": ("", "CREATE UNIQUE INDEX ON members (customer) WHERE customer <> 'bob';", "ann"),
    "an expression that fails": ("", "CREATE INDEX ON members ((1 / (length(customer) - 4)));", "anna"),
    "an index entry that is too long": ("", "CREATE INDEX ON members (customer);", LONG),
    "a check": ("CHECK (customer <> 'eve')", "", "eve"),
    "a foreign key": (
        "FOREIGN KEY (customer) REFERENCES known",
        "CREATE TABLE known (name text PRIMARY KEY); INSERT INTO known VALUES ('ann'), ('bob');",
        "eve",
    ),
    "a deferred foreign key": (
        "FOREIGN KEY (customer) REFERENCES known DEFERRABLE INITIALLY DEFERRED",
        "CREATE TABLE known (name text PRIMARY KEY); INSERT INTO known VALUES ('ann'), ('bob');",
        "eve",
    ),
    "a trigger's exception": ("", TRIGGER.format("IF new.customer = 'eve' THEN RAISE 'no'; END IF;"), "eve"),
    "an exception with a code of its own": (
        "",
        TRIGGER.format("IF new.customer = 'eve' THEN RAISE 'no' USING ERRCODE = 'U0001'; END IF;"),
        "eve",
    ),
    "an assertion": ("", TRIGGER.format("ASSERT new.customer <> 'eve';"), "eve"),
    "a case without a branch": ("", TRIGGER.format("CASE new.customer WHEN 'ann', 'bob' THEN END CASE;"), "eve"),
    "a row that a function misses": (
        "",
        TRIGGER.format("PERFORM 1; IF new.customer = 'eve' THEN RAISE no_data_found; END IF;"),
        "eve",
    ),
    "a subquery of two rows": (
        "",
        TRIGGER.format("PERFORM (SELECT n FROM generate_series(1, 1 + (new.customer = 'eve')::integer) AS n);"),
        "eve",
    ),
    "what is not supported": (
        "",
        TRIGGER.format("IF new.customer = 'eve' THEN RAISE feature_not_supported; END IF;"),
        "eve",
    ),
    "JSON that is too deep": ("CHECK (customer IN ('ann', 'bob') OR customer::jsonb IS NOT NULL)", "", "[" * 50_000),
}


class Members(Projection):
    """Who ordered."""

    key = ("tenant_id", "id")

    @on(OrderPlaced)
    def placed(self, event: Event[OrderPlaced]) -> Insert:
        return Insert(customer=event.data.customer, items="none")

    @on(ItemAdded)
    def added(self, event: Event[ItemAdded]) -> Update:
        return Update(items=event.data.quantity)


Case = tuple[Catalogue, str]


@pytest.fixture(params=REFUSED)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    constraint, besides, customer = REFUSED[request.param]
    return with_table(tmp_path, constraint, besides), customer


def with_table(folder: Path, constraint: str, besides: str = "") -> Catalogue:
    before, after = (besides, "") if "TABLE" in besides else ("", besides)
    columns = "tenant_id text, id text, customer text, items text, PRIMARY KEY (tenant_id, id)"
    table = f"CREATE TABLE members ({columns}{', ' * bool(constraint)}{constraint});"
    (folder / "read_models").mkdir(exist_ok=True)
    (folder / "read_models" / "members.sql").write_text(f"{before}\n{table}\n{after}")
    return Catalogue((CONTEXT, Context(name="more", sql=folder, events=(), projections=(Members,))))


def append(connection: Connection, order: str, event: str, version: int, **data: str) -> None:
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           VALUES (now(), gen_random_uuid(), %s, 't', 'Order', %s, %s,
                   (SELECT jsonb_object_agg(key, CASE WHEN value LIKE 'hex %%' THEN (
                               SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n) ELSE value END)
                    FROM jsonb_each_text(%s::jsonb)), '{}')""",
        (version, order, event, json.dumps({"amount": "1.00", "quantity": "1"} | data)),
    )


def history(connection: Connection, refused: str) -> None:
    """Many orders of whom the third is refused, and one that comes after it."""
    append(connection, "order-1", "OrderPlaced", 1, customer="ann")
    append(connection, "order-2", "OrderPlaced", 1, customer="bob")
    append(connection, "order-3", "OrderPlaced", 1, customer=refused)
    append(connection, "order-3", "ItemAdded", 2, quantity="7")
    append(connection, "order-1", "ItemAdded", 2, quantity="8")


def letters(connection: Connection) -> list[tuple[int, list[list[str | None]]]]:
    return [(each.position, each.keys) for each in dead_letters.letters(connection)]


def passes(connection: Connection, catalogue: Catalogue, generation: Generation) -> None:
    gate.inspect(connection, catalogue, Members, generation).require()


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_rebuild_makes_the_dead_letters_of_a_catch_up(connection: Connection, case: Case, partitions: int) -> None:
    catalogue, refused = case
    build.rebuild(connection, catalogue, Members)
    history(connection, refused)
    assert catch_up(connection, catalogue, Members).dead_letters == 1
    caught_up, expected = rows_of(connection, Members), letters(connection)
    assert [row[1] for row in caught_up] == ["order-1", "order-2"]

    generation, parts = new_generation.begin(connection, catalogue, Members, partitions)
    for part in parts:
        new_generation.fill(connection, Members, generation, part)
    finished = new_generation.finish(connection, Members, generation)
    passes(connection, catalogue, finished)  # the live one has the same dead letter
    publish.publish(connection, Members, finished)

    assert rows_of(connection, Members) == caught_up
    assert letters(connection) == expected


def test_after_a_discard_it_passes_the_gate(connection: Connection, case: Case) -> None:
    catalogue, refused = case
    build.rebuild(connection, catalogue, Members)
    history(connection, refused)
    catch_up(connection, catalogue, Members)
    (letter,) = dead_letters.letters(connection)
    dead_letters.discard(connection, catalogue, letter.dead_letter, "not wanted")
    build.rebuild(connection, catalogue, Members, steps=build.STEPS)
    assert letters(connection) == []
    assert [row[1] for row in rows_of(connection, Members)] == ["order-1", "order-2"]


@pytest.mark.parametrize("when", ["being filled", "finished"])
def test_a_discard_reaches_a_rebuild_under_way(connection: Connection, tmp_path: Path, when: str) -> None:
    catalogue = with_table(tmp_path, "CHECK (customer <> 'eve')")
    build.rebuild(connection, catalogue, Members)
    history(connection, "eve")
    catch_up(connection, catalogue, Members)
    generation, parts = new_generation.begin(connection, catalogue, Members, 1)
    new_generation.fill(connection, Members, generation, parts[0])
    if when == "finished":
        new_generation.finish(connection, Members, generation)
    for letter in dead_letters.letters(connection):
        if letter.generation != generation.generation:
            dead_letters.discard(connection, catalogue, letter.dead_letter, "not wanted")

    again, parts = new_generation.begin(connection, catalogue, Members, 1)
    assert again.generation == generation.generation, "it is gone on with"
    finished = new_generation.finish(connection, Members, again)
    publish.publish(connection, Members, finished)
    passes(connection, catalogue, live(connection, Members))
    assert letters(connection) == []


def test_an_event_that_is_no_longer_discarded_is_applied_again(connection: Connection, tmp_path: Path) -> None:
    """Also in a generation that is put back: its rows follow the present discards."""
    catalogue = with_table(tmp_path, "UNIQUE (customer)")
    build.rebuild(connection, catalogue, Members)
    history(connection, "ann")
    catch_up(connection, catalogue, Members)
    (letter,) = dead_letters.letters(connection)
    dead_letters.discard(connection, catalogue, letter.dead_letter, "not wanted")
    build.rebuild(connection, catalogue, Members)
    build.rebuild(connection, catalogue, Members)
    connection.execute("DELETE FROM acci.discarded_events")

    rollback.roll_back(connection, catalogue, Members)
    assert [position for position, _ in letters(connection)] == [letter.position]
    rollback.roll_back(connection, catalogue, Members)
    dead_letters.retry(connection, catalogue, Members)
    assert [position for position, _ in letters(connection)] == [letter.position]


def test_a_rebuild_may_start_over(connection: Connection, tmp_path: Path) -> None:
    catalogue = with_table(tmp_path, "UNIQUE (customer)")
    history(connection, "eve")
    left, _ = new_generation.begin(connection, catalogue, Members, 2)
    build.rebuild(connection, catalogue, Members, build.RebuildOptions(fresh=True))
    assert live(connection, Members).generation == left.generation + 1
    assert generations.one(connection, left.generation).state == "dropped"


def test_a_generation_is_dropped_by_its_number(connection: Connection, tmp_path: Path, database_url: str) -> None:
    catalogue = with_table(tmp_path, "UNIQUE (customer)")
    build.rebuild(connection, catalogue, Members)
    build.rebuild(connection, catalogue, Members)
    left, _ = new_generation.begin(connection, catalogue, Members, 1)
    lifecycle.reject(connection, left)
    with pytest.raises(StillLive):
        dropping.drop(connection, 2)
    with (
        connect(database_url, "rebuild") as other,
        generations.exclusive_run(other, "members", "rebuild"),
        pytest.raises(Busy),
    ):
        dropping.drop(connection, 1)

    listed = acci("generations", "list", ACCI_DATABASE_URL=database_url)
    assert [line.split("│")[3].strip() for line in listed.stdout.splitlines() if "members" in line] == [
        "kept",
        "live",
        "rejected",
    ]
    for number in (1, left.generation):
        done = acci("generations", "drop", str(number), ACCI_DATABASE_URL=database_url)
        assert (done.returncode, done.stdout) == (0, f"Generation {number} of members was dropped.\n")
    with pytest.raises(UnknownNumber):
        dropping.drop(connection, 1)
    schemas = "SELECT array_agg(nspname::text) FROM pg_namespace WHERE nspname LIKE 'generation%'"
    assert value(connection, schemas) == ["generation_2"]
