"""Plans: why, how much, how long, and which dependents are affected, without changing anything."""

import json
from dataclasses import replace
from pathlib import Path

from psycopg import sql

from acci.domain.projections import Projection
from acci.domain.users import CONTEXT
from acci.store.generations import lifecycle
from acci.store.postgres.database import Connection, connect
from acci.store.rebuilding import build, new_generation, publish
from acci.store.rebuilding.plan import plan
from acci.store.rebuilding.staleness import stale
from acci.store.registry import Catalogue
from acci.store.settings import CHECKOUT
from tests.support.histories import append_orders, append_users, cut_log, value
from tests.support.read_models import changed_users, live, live_with_users, with_table, wrong_rows
from tests.support.shell import acci, refusal

TABLE = (CHECKOUT / "sql" / "read_models" / "user_view.sql").read_text()


def everything(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        """SELECT n.nspname, c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname NOT LIKE 'pg_%' ORDER BY 1, 2"""
    ).fetchall()


def test_a_plan_shows_what_is_read_and_changes_nothing(
    connection: Connection, catalogue: Catalogue, users: type[Projection]
) -> None:
    append_users(connection, 50)
    before = everything(connection)
    first = plan(connection, catalogue, users, 2)
    assert everything(connection) == before
    assert first.reasons == ("it was never built",)
    assert sum(first.events.values()) == value(connection, "SELECT count(*) FROM acci.events")
    assert first.events["UserCreated"] >= 50
    assert (first.estimate.seconds, first.estimate.bytes) == (None, None)

    build.rebuild(connection, catalogue, users)
    append_users(connection, 50, first=51)
    again = plan(connection, catalogue, users, 2)
    assert again.reasons == ()
    assert again.live == 1
    assert again.estimate.basis == "measured in its last build"
    assert again.estimate.seconds is not None
    assert again.estimate.bytes is not None
    assert again.estimate.bytes > (again.live_bytes or 0) > 0, "there are more events than then"
    other = plan(connection, catalogue, catalogue.projection("daily_sales"), 2)
    assert other.estimate.basis == "measured in 1 builds of other projections"


def test_an_interrupted_rebuild_is_named(connection: Connection, catalogue: Catalogue, users: type[Projection]) -> None:
    generation, _ = new_generation.begin(connection, catalogue, users, 2)
    assert plan(connection, catalogue, users, 2).resumes == generation.generation


def test_stale_read_models_are_changed_altered_unbuilt_or_beyond_the_log(
    connection: Connection, catalogue: Catalogue, users: type[Projection], tmp_path: Path
) -> None:
    append_orders(connection, 5)
    append_users(connection, 20)
    assert {
        name: why for name, why in stale(connection, catalogue).items() if why == ("it was never built",)
    }.keys() == (catalogue.projections.keys())
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
    assert stale(connection, catalogue) == {}

    other_table = with_table(tmp_path, TABLE + "-- a remark")
    assert stale(connection, other_table) == {"user_view": ("table changed",)}
    changed = changed_users()
    rules = Catalogue((replace(CONTEXT, projections=(changed,)),))
    assert "rule created on UserCreated changed" in stale(connection, rules)["user_view"]

    table = sql.Identifier(live(connection, users).schema, "user_view")
    connection.execute(sql.SQL("CREATE INDEX by_hand ON {} (status)").format(table))
    assert stale(connection, catalogue) == {"user_view": ("its table was altered by hand: index by_hand was added",)}
    connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(live(connection, users).schema, "by_hand")))

    cut_log(connection, 5)
    assert all("the log ends at 5" in why[0] for why in stale(connection, catalogue).values())
    assert len(stale(connection, catalogue)) == len(catalogue.projections)


def test_views_that_need_removed_columns_are_named_before_the_build(
    connection: Connection, catalogue: Catalogue, users: type[Projection], tmp_path: Path
) -> None:
    live_with_users(connection, catalogue, users, 20)
    connection.execute("CREATE VIEW public.addresses AS SELECT tenant_id, email FROM read.user_view")
    connection.execute("CREATE VIEW public.all_addresses AS SELECT email FROM public.addresses")
    connection.execute("GRANT SELECT ON read.user_view TO PUBLIC")

    renamed = with_table(tmp_path, TABLE.replace("email      text", "email      varchar(320)"))
    ahead = plan(connection, renamed, users, 1)

    assert [(each.view, each.columns) for each in ahead.dependents] == [
        ("addresses", ("email", "tenant_id")),
        ("all_addresses", ()),
    ]
    assert ahead.grants == (("SELECT", "acci_read"), ("SELECT", "PUBLIC"))
    assert ahead.columns.retyped == {"email": ("text", "character varying(320)")}
    assert ahead.breaks == ("addresses needs email",)


def test_new_columns_break_no_dependent_view(
    connection: Connection, catalogue: Catalogue, users: type[Projection], tmp_path: Path
) -> None:
    live_with_users(connection, catalogue, users, 20)
    connection.execute("CREATE VIEW public.addresses AS SELECT tenant_id, email FROM read.user_view")
    wider = with_table(tmp_path, TABLE.replace("    email      text", "    note       text,\n    email      text"))
    ahead = plan(connection, wider, users, 1)
    assert (ahead.columns.added, ahead.breaks) == (("note",), ())

    build.rebuild(connection, wider, users)

    columns = [column.name for column in connection.execute("SELECT * FROM read.user_view LIMIT 0").description or ()]
    assert columns[-1] == "note"
    assert value(connection, "SELECT count(email) FROM public.addresses") > 0
    assert wrong_rows(connection, users) == 0


def test_retention_leaves_generations_that_are_being_read(
    connection: Connection, catalogue: Catalogue, users: type[Projection], database_url: str
) -> None:
    append_users(connection, 20)
    for _ in range(3):
        build.rebuild(connection, catalogue, users)
    with connect(database_url, "reader") as reader, reader.transaction():
        reader.execute("SELECT * FROM generation_1.user_view")
        assert lifecycle.retain(connection, "user_view", 0) == 1
        assert value(reader, "SELECT count(*) FROM generation_1.user_view") > 0
    assert lifecycle.retain(connection, "user_view", 0) == 1
    assert publish.publish(connection, users, live(connection, users)).generation == 3


def test_the_shell_prints_it(connection: Connection, database_url: str) -> None:
    append_users(connection, 20)
    before = everything(connection)
    printed = acci("run", "rebuild", "user_view", "--dry-run", ACCI_DATABASE_URL=database_url)
    assert printed.returncode == 0, printed.stderr
    assert "it was never built" in printed.stdout
    assert "UserCreated" in printed.stdout
    as_data = acci("run", "rebuild", "stale", "--dry-run", "--json", ACCI_DATABASE_URL=database_url)
    (stale_one,) = json.loads(as_data.stdout)
    assert stale_one["projection"] == "user_view"
    assert everything(connection) == before
    assert "no projection named 'nobody'" in refusal(
        acci("run", "rebuild", "user_view,nobody", "--dry-run", ACCI_DATABASE_URL=database_url)
    )
    wrong = acci("run", "backfill", "user_view", "--key", "acme", ACCI_DATABASE_URL=database_url)
    assert wrong.returncode == 2
    assert "is not a JSON list of texts" in wrong.stderr
