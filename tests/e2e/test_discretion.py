"""Personal data stays within reach of an erasure: Prefect stores none, also on errors; once erased, none is left."""

import json
import subprocess
import sys

import pytest
from psycopg import sql as identifiers

from acci.store.commands.handler import CommandHandler
from acci.store.encryption.key_store import KeyStore
from acci.store.log.event_store import EventStore
from acci.store.maintenance.erasure import erase
from acci.store.postgres.database import Connection, Database, connect
from acci.store.registry import Catalogue
from tests.domains.people import CONTEXT, RegisterPerson, RenamePerson, TakeNote, command
from tests.support.prefect_server import PrefectServer, wait_for
from tests.support.shell import CHECKOUT, acci

CATALOGUE = Catalogue((CONTEXT,))
SECRET = "Zwartkruis"  # in all personal values
# Every flow over data that cannot be applied, is wrong, or makes a fault of the program, in one process; what each ends
# as, on a line.
FLOWS = """
import sys
import psycopg
from acci.flows.audit import audit
from acci.flows.backfill import backfill
from acci.flows.catch_up import catch_up
from acci.flows.check_quality import check_quality
from acci.flows.compact_snapshots import compact_snapshots
from acci.flows.follow import follow
from acci.flows.housekeeping import housekeeping
from acci.flows.rebuild import rebuild
from acci.flows.repair import repair
from acci.flows.retry_dead_letters import retry_dead_letters
from acci.flows.rollback import rollback
from acci.flows.seal import seal
from acci.store.encryption.configured import key_store
from acci.store.registry import Catalogue
from acci.store.postgres.database import Database
from acci.store.settings import Settings
from acci.store.log.event_store import EventStore
from acci.store.commands.handler import CommandHandler
from tests.domains.people import CONTEXT, RenamePerson, command
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


def run(flow, **parameters):
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # a second each
        print(flow.name, flow(**parameters, return_state=True).name)


def execute(statement):
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        connection.execute(statement)


def rename(name):
    catalogue = Catalogue((CONTEXT,))
    keys = key_store(Settings.from_environment())
    with Database(sys.argv[1], 1, "append", keys=keys) as database:
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        handler.handle(command(RenamePerson(person="cid", name=name)))


run(catch_up)
run(retry_dead_letters)
run(rebuild, projection="all")
run(rebuild, projection="all", allow_dead_letters=True, changes_allowed=100)
run(rollback, projection="people")
execute("UPDATE read.people SET name = name || ', wrong'")
run(backfill, projection="people", dry_run=False, keys=[["t1", "ann"]])
run(audit)
run(repair)
run(compact_snapshots)
run(seal)
run(check_quality)
run(follow, seconds=1)
run(housekeeping)
rename(sys.argv[3])
execute(sys.argv[2])
run(catch_up, projection="people")
"""
# An error that no event causes, and whose text is personal.
FAULT = f"""
CREATE FUNCTION public.faulty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{SECRET}, really' USING ERRCODE = 'feature_not_supported'; END $$;
CREATE TRIGGER faulty BEFORE UPDATE ON acci.generations FOR EACH ROW EXECUTE FUNCTION public.faulty()
"""


def places(connection: Connection, word: str) -> list[str]:
    """The tables of the database, its catalogue and statistics included, in a row of which the word stands."""
    tables = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname NOT IN ('information_schema', 'pg_toast')"
    ).fetchall()
    there = identifiers.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE strpos(t::text, %s) > 0)")
    found = []
    for name in tables:
        row = connection.execute(there.format(identifiers.Identifier(*name)), (word,)).fetchone()
        found += [".".join(name)] if row and row[0] else []
    return found


@pytest.mark.timeout(300)
def test_personal_data_never_reaches_prefect_and_is_gone_after_erasure(
    database_url: str, keys_url: str, keys: KeyStore, prefect_server: PrefectServer
) -> None:
    with Database(database_url, 2, "append", keys=keys) as database:
        handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE)
        handler.handle(command(RegisterPerson(person="ann", name=f"Ann {SECRET}", email=f"{SECRET}@x", city="Delft")))
        handler.handle(command(RenamePerson(person="ann", name=f"Anna {SECRET}")))
        handler.handle(command(RegisterPerson(person="bob", name=f"unnameable {SECRET}", city="Delft")))
        handler.handle(command(RegisterPerson(person="cid", name=f"Cid {SECRET}", city="Delft")))
        handler.handle(command(TakeNote(desk="d1", person="bob", note=f"unspeakable {SECRET}")))
        handler.handle(command(TakeNote(desk="d2", person="ann", note=f"{SECRET} likes bread")))
    environment = prefect_server.environment | {
        "ACCI_DATABASE_URL": database_url, "ACCI_KEYS_URL": keys_url, "ACCI_CONTEXTS": "tests.domains.people",
    }  # fmt: skip
    program = [sys.executable, "-c", FLOWS, database_url, FAULT, SECRET]
    done = subprocess.run(program, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ended = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert ended == {
        "catch-up": "Failed",
        "retry-dead-letters": "Failed",
        "rebuild": "Completed",
        "rollback": "Completed",
        "backfill": "Completed",
        "audit": "Findings",
        "repair": "Failed",
        "compact-snapshots": "NothingToDo",
        "seal": "Completed",
        "check-quality": "NothingToDo",
        "follow": "NothingToDo",
        "housekeeping": "Completed",
    }
    assert SECRET not in done.stdout + done.stderr
    records = str(prefect_server.environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"]).replace("+asyncpg", "")
    records, _, _ = records.partition("?")
    with connect(records, "test") as prefect, connect(database_url, "test", keys=keys) as connection:
        wait_for(lambda: places(prefect, "FeatureNotSupported"), 30, "the last logs have arrived")
        assert places(prefect, SECRET) == []
        assert "acci.events" not in places(connection, SECRET)
        assert any(place.endswith(".people") for place in places(connection, SECRET))

        made = {"type": "markdown", "key": "of-old", "data": f"Ann {SECRET} was here", "description": "by hand"}
        prefect_server.client.post("/artifacts/", json=made).raise_for_status()
        assert "public.artifact" in places(prefect, SECRET)
        connection.execute("DROP FUNCTION public.faulty() CASCADE")
        connection.execute("ANALYZE")
        assert "pg_catalog.pg_statistic" in places(connection, SECRET)
        done = acci("erase", "ann", "--tenant", "t1", "--json", **environment)
        assert (done.returncode, done.stderr) == (0, "")
        (ann,) = json.loads(done.stdout)
        assert ann["artifacts"] >= 1
        assert ann["left"] == {}
        assert all(erase(connection, CATALOGUE, "t1", person).left == {} for person in ("bob", "cid"))
        # Prefect's events repeat an artifact's text until they expire; no artifact of ACCI has any.
        assert set(places(prefect, SECRET)) <= {"public.events"}
        assert places(connection, SECRET) == []
