"""`acci doctor` on a Prefect server: what is missing there is named, with what to do."""

import json

from acci.flows.local.prefect_doctor import examine_prefect
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict
from acci.store.postgres.database import connect
from acci.store.settings import Settings
from tests.support.prefect_server import DATABASE, PrefectServer, wait_for
from tests.support.shell import acci


def look(**environment: str) -> dict[str, Diagnosis]:
    return {line.name: line for line in examine_prefect(Settings.from_environment(environment))}


def test_what_this_database_has_on_a_prefect_server(prefect_server: PrefectServer, database_url: str) -> None:
    there = {"ACCI_DATABASE_URL": database_url, **prefect_server.access}
    wait_for(lambda: prefect_server.api.workers_online("acci"), 60, "the worker is online")
    found = look(**there)
    assert (found["deployments"].verdict, "another database's" in found["deployments"].said) == (Verdict.WRONG, True)
    assert "ACCI_PREFECT_PREFIX" in (found["deployments"].remedy or "")
    with connect(database_url, "test") as connection:
        connection.execute("UPDATE acci.identity SET id = %s", (DATABASE,))
    found = look(**there)
    assert list(found) == ["Prefect", "Prefect versions", "workers", "deployments"]
    assert [line.said for line in found.values() if line.verdict is not Verdict.WELL] == []

    found = look(**there, ACCI_PREFECT_PREFIX="doctors")
    assert (found["workers"].said, found["workers"].remedy) == (
        "The server has no work pool doctors-acci.",
        "acci deploy",
    )
    assert (found["deployments"].verdict, found["deployments"].remedy) == (Verdict.WRONG, "acci deploy")
    prefect_server.api.ensure_work_pool("doctors-acci")
    assert look(**there, ACCI_PREFECT_PREFIX="doctors")["workers"].remedy == "acci worker"

    (refused,) = look(**there | {"PREFECT_API_AUTH_STRING": "no:body"}).values()
    assert (refused.verdict, "refuses the login" in refused.said) == (Verdict.WRONG, True)

    done = acci("doctor", "--json", **there)
    assert [line["name"] for line in json.loads(done.stdout)["lines"]][-4:] == list(found)


def test_a_server_that_does_not_answer_is_one_line() -> None:
    (line,) = look(PREFECT_API_URL="http://127.0.0.1:1/api", ACCI_DATABASE_URL="postgresql://127.0.0.1:1/none").values()
    assert line.verdict is Verdict.WRONG
    assert "PREFECT_API_URL" in line.said
