"""`acci worker` with ACCI_LOG_FORMAT=json: every line, also of Prefect, of a run and of what one prints, is JSON."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from acci.store.postgres.database import Connection
from acci.store.settings import Settings
from tests.support.histories import append_users
from tests.support.prefect_server import PrefectServer
from tests.support.shell import command


@pytest.mark.timeout(300)
def test_each_line_of_a_worker_and_its_runs_is_json(
    prefect_server: PrefectServer, connection: Connection, database_url: str, tmp_path: Path
) -> None:
    append_users(connection, 10)
    home = Settings.from_environment({"ACCI_HOME": str(tmp_path)}).home
    own = {"ACCI_LOG_FORMAT": "json", "ACCI_PREFECT_PREFIX": "logs", "ACCI_DATABASE_URL": database_url}
    prefect_server.api.ensure_work_pool("logs-acci")
    deployment = prefect_server.without_limit("catch-up", "logs-acci")
    printed = tmp_path / "printed"
    with printed.open("w") as file:
        worker = subprocess.Popen(
            command(["worker", "--name", "of-logs"]),
            stdout=file,
            stderr=file,
            env=os.environ | own | prefect_server.access | {"ACCI_HOME": str(home)},
        )
    try:
        run = prefect_server.run(deployment, {}, ACCI_DATABASE_URL=database_url)
        assert prefect_server.ended(run)["state"]["type"] == "COMPLETED"
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    lines = [json.loads(line) for line in printed.read_text().splitlines()]
    assert all({"timestamp", "level", "logger", "message"} <= set(line) for line in lines)
    said = {(line["logger"], line["message"]) for line in lines}
    assert ("acci.output", "Worker 'of-logs' started!") in said
    assert ("acci", "Ended.") in said
    of_run = [line for line in lines if line.get("flow_run_id") == run]
    assert {line["logger"] for line in of_run} >= {"prefect.flow_runs"}
