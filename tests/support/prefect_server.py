"""A real Prefect server for a test run: on PostgreSQL, with the deployments of prefect.yaml, and a worker."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from acci.flows.local.declared import read_declared
from acci.flows.local.deployments import Deploying, Owner
from acci.flows.local.environment import MARK, prefect_environment
from acci.flows.local.object_names import OwnNames
from acci.flows.local.prefect_api import PrefectApi
from acci.flows.local.prefect_login import Access
from acci.flows.local.process import Program
from acci.flows.local.server_protection import own_login
from acci.store.embedded.ports import free_port
from acci.store.settings import Settings

DATABASE = UUID(int=1)  # each test's runs get the URL of its own database
OWNER = Owner(DATABASE, OwnNames())
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def wait_for(condition: Callable[[], Any], seconds: float, what: str, pause: float = 0.2) -> Any:
    """What `condition` gives as soon as it is true; fails, naming `what`, if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)
    return found


class PrefectServer:
    """The server, its deployments and its worker; logs and Prefect's home in `folder`, records in `database_url`."""

    def __init__(self, folder: Path, database_url: str) -> None:
        port = free_port()
        self.api_url = f"http://127.0.0.1:{port}/api"
        settings = Settings.from_environment({"ACCI_HOME": str(folder)})
        access = Access(self.api_url, own_login(settings))
        self.access = {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": str(access.login)}
        self.environment = prefect_environment(settings, access, database_url)
        self.api = PrefectApi(access)
        self.client = access.client()
        self._folder = folder
        self._server = self._program("server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        self._worker = self._program("worker", "worker", "start", "--pool", "acci", "--type", "process")

    def start(self) -> None:
        """Afterwards it answers, prefect.yaml is deployed, and a worker takes runs."""
        self.start_server()
        self.deploy()
        self.start_worker()

    def start_server(self) -> None:
        self._server.start()
        wait_for(self._is_healthy, 120, "the Prefect server answers")

    def kill_server(self) -> None:
        """Afterwards the server is not there and could not say so; its worker and runs are left alone."""
        self._server.stop(0)

    @contextmanager
    def workers(self, pool: str, *names: str) -> Iterator[None]:
        """Inside, these workers take the runs of a pool of their own, each one run at a time."""
        self.api.ensure_work_pool(pool)
        start = ("worker", "start", "--type", "process", "--limit", "1", "--pool", pool, "--name")
        programs = [self._program(name, *start, name) for name in names]
        try:
            for program in programs:
                program.start()
            yield
        finally:
            for program in programs:
                program.stop(10)

    def start_worker(self) -> None:
        self._worker.start()

    def kill_worker_and_runs(self) -> None:
        """Afterwards neither the worker nor a process of its runs is there, and none could say so."""
        self._worker.stop(0)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == str(self._folder) and process.pid != self._server.pid:
                    process.kill()

    def kill_worker(self) -> None:
        """Afterwards the worker is not there and could not say so; its runs are left alone."""
        self._worker.stop(0)

    def deploy(self, notify: str | None = None) -> None:
        """Applies prefect.yaml, as an operator would; its forms offer what all the domains of the tests bring.

        But all are paused from the first: a test's run is alone, unless the test wants scheduled ones.
        """
        declared = read_declared()
        paused = self._folder / "paused.json"
        paused.write_text(
            json.dumps(declared | {"deployments": [each | {"paused": True} for each in declared["deployments"]]})
        )
        self.apply(OWNER, paused, notify)

    def apply(self, owner: Owner, file: Path, notify: str | None = None) -> None:
        """Applies the file as the owner's."""
        environment = self.environment | {"ACCI_CONTEXTS": "acci.domain.users,tests.domains.bank,tests.domains.orders"}
        deploying = Deploying(self.api, owner, environment, self._folder / "deploy.log", read_declared(file))
        deploying.begin(notify)
        deploying.finish()

    def stop(self) -> None:
        self._worker.stop(10)
        self._server.stop(20)
        self.api.close()
        self.client.close()

    def deployments(self) -> dict[str, dict[str, Any]]:
        found = self.client.post("/deployments/filter", json={}).raise_for_status().json()
        return {deployment["name"]: deployment for deployment in found}

    def deployed(self) -> dict[str, tuple[Any, ...]]:
        """What deploying writes of each deployment; when it was last seen to by a worker is left out."""
        parts = ("id", "work_pool_name", "tags", "parameters", "job_variables", "paused", "concurrency_options")
        return {name: tuple(found[part] for part in parts) for name, found in self.deployments().items()}

    def run(self, deployment: str, parameters: dict[str, Any], **environment: str) -> str:
        """Asks for a run of a deployment, with `environment` added to that of its process; gives the run's id."""
        wanted = {"parameters": parameters, "job_variables": {"env": environment}}
        path = f"/deployments/{self.deployments()[deployment]['id']}/create_flow_run"
        return str(self.client.post(path, json=wanted).raise_for_status().json()["id"])

    @contextmanager
    def environment_of(self, deployment: str, **environment: str) -> Iterator[None]:
        """Inside, all runs of a deployment have that environment."""
        found = self.deployments()[deployment]
        path, before = f"/deployments/{found['id']}", found["job_variables"]
        self.client.patch(path, json={"job_variables": {"env": environment}}).raise_for_status()
        try:
            yield
        finally:
            self.client.patch(path, json={"job_variables": before}).raise_for_status()

    def without_limit(self, deployment: str, pool: str = "acci") -> str:
        """The name of a deployment like that one, but for its schedule and limit: no other run gets in its way."""
        name, known = f"{deployment}-without-limit-in-{pool}", self.deployments()
        if name not in known:
            same = ("flow_id", "entrypoint", "path", "pull_steps", "tags", "parameters")
            queue = {"work_queue_name": known[deployment]["work_queue_name"]} if pool == "acci" else {}
            wanted = {"name": name, "work_pool_name": pool} | queue | {part: known[deployment][part] for part in same}
            self.client.post("/deployments/", json=wanted).raise_for_status()
        return name

    def ended(self, run: str, seconds: float = 120) -> dict[str, Any]:
        """The run, as soon as it has ended."""

        def look() -> dict[str, Any] | None:
            self._worker.check()
            found: dict[str, Any] = self.client.get(f"/flow_runs/{run}").raise_for_status().json()
            return found if found["state"]["type"] in ENDED else None

        found: dict[str, Any] = wait_for(look, seconds, f"run {run} ends")
        return found

    def _is_healthy(self) -> bool:
        self._server.check()
        return self.api.is_healthy()

    def _program(self, name: str, *arguments: str) -> Program:
        return Program(name, arguments, self._folder / f"{name}.log", self.environment)
