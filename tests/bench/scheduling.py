"""What a run costs before its first useful work: a catch-up with nothing to do, asked of a real server and its worker.

From the request to Running (a new process imports Prefect), to the first task, to the end; beside the same flow from
the command line, with and without a server, and `acci status`. The read models are up to date throughout.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from acci.store.postgres.database import connect
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.bench.ground import Ground
from tests.bench.rows import Row
from tests.support.prefect_server import PrefectServer, wait_for

PROJECTION, TURNS = "user_view", 3
PURPOSES = ("from request to Running", "from request to the first task", "from request to the end")


def measure(ground: Ground, turns: int) -> list[Row]:
    """Medians, in seconds."""
    turns, url = min(turns, TURNS), _up_to_date(ground)
    with tempfile.TemporaryDirectory(prefix="acci-prefect-") as name:
        folder = Path(name)
        own = {"ACCI_DATABASE_URL": url, "ACCI_HOME": str(folder / "home")}
        rows = _commands("no Prefect server", own, turns)
        server = PrefectServer(folder / "server", ground.empty_database())
        try:
            began = time.perf_counter()
            server.start()
            rows.append(Row("Prefect server, worker and deployments started", time.perf_counter() - began, "s"))
            done = [_run(server, url) for _ in range(turns)]
            rows += [
                Row(f"a deployed catch-up, {purpose}", statistics.median(each[place] for each in done), "s")
                for place, purpose in enumerate(PURPOSES)
            ]
            rows += _commands("with a Prefect server", own | server.access, turns)[1:]
        finally:
            server.stop()
    return rows


def _up_to_date(ground: Ground) -> str:
    url, catalogue = ground.database(), load(["acci.domain.users"])
    with connect(url, "bench") as connection:
        for projection in catalogue.projections.values():
            build.rebuild(connection, catalogue, projection)
    return url


def _run(server: PrefectServer, url: str) -> list[float]:
    """The seconds until each of PURPOSES, by the server's clock, which is this machine's."""
    asked = time.time()
    run = server.run(server.without_limit("catch-up"), {"projection": PROJECTION}, ACCI_DATABASE_URL=url)
    ended = server.ended(run)
    if ended["state"]["type"] != "COMPLETED":
        raise RuntimeError(f"the run ended as {ended['state']['name']}: {ended['state']['message']}")
    wanted = {"flow_runs": {"id": {"any_": [run]}}}

    def recorded() -> list[dict[str, Any]]:  # the server records tasks from events, a moment later
        found = server.client.post("/task_runs/filter", json=wanted).raise_for_status().json()
        return [task for task in found if task["start_time"]]

    tasks = wait_for(recorded, 30, "the run's task is recorded")
    moments = (ended["start_time"], min(task["start_time"] for task in tasks), ended["end_time"])
    return [datetime.fromisoformat(moment).timestamp() - asked for moment in moments]


def _commands(how: str, environment: Mapping[str, str], turns: int) -> list[Row]:
    ways = {"acci status": ["status"], "acci run catch-up": ["run", "catch-up", PROJECTION]}
    return [
        Row(f"{name}, {how}", statistics.median(_seconds(arguments, environment) for _ in range(turns)), "s")
        for name, arguments in ways.items()
    ]


def _seconds(arguments: list[str], environment: Mapping[str, str]) -> float:
    """How long the command takes from a shell."""
    acci = Path(sys.executable).with_name("acci")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACCI_", "PREFECT_"))}
    began = time.perf_counter()
    done = subprocess.run([acci, *arguments], env=kept | dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return time.perf_counter() - began
