"""The local stack of `acci up`: started in order, in parallel where that is quicker, and stopped in reverse."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from acci.flows.local.declared import declared
from acci.flows.local.deployments import Deploying, Owner
from acci.flows.local.environment import prefect_environment
from acci.flows.local.lost_runs import give_up_lost_runs
from acci.flows.local.object_names import OwnNames
from acci.flows.local.orphans import end_orphaned_processes
from acci.flows.local.prefect_api import PrefectApi, PrefectUnreachable
from acci.flows.local.prefect_login import Access
from acci.flows.local.process import Program
from acci.flows.local.sample import fill_if_empty
from acci.flows.local.server_protection import login_file, own_login
from acci.flows.runtime.project import registered
from acci.store.embedded import libpq_environment
from acci.store.embedded.log_files import rotate_large_logs
from acci.store.embedded.ports import HOST, PortTaken, is_free
from acci.store.embedded.server import EmbeddedServer
from acci.store.generations import generations
from acci.store.postgres.database import connect
from acci.store.postgres.database_id import database_id
from acci.store.postgres.migrations import migrate
from acci.store.settings import Settings

SERVER_START_TIMEOUT_SECONDS = 180
FIRST_CATCH_UP_TIMEOUT_SECONDS = 120
CHECK_INTERVAL_SECONDS = 10
PENDING_GRACE_PERIOD = timedelta(minutes=2)


@dataclass(frozen=True)
class UpOptions:
    """The user's options. Ports: of the Prefect server; of PostgreSQL, or None for the default."""

    port: int
    database_port: int | None
    sample: bool


@dataclass(frozen=True)
class Reporter:
    """Reports progress: `step` around a step, `remark` for a message."""

    step: Callable[[str], AbstractContextManager[None]]
    remark: Callable[[str], None]


class LocalStack:
    """PostgreSQL, the schema, the Prefect server, the deployments, a worker.

    The user's own database (ACCI_DATABASE_URL) and Prefect server (PREFECT_API_URL) are used, and neither started nor
    stopped.
    """

    def __init__(self, settings: Settings, options: UpOptions, report: Reporter) -> None:
        self._settings = settings
        self._options = options
        self._report = report
        self._own_prefect = settings.prefect_api_url is None
        self._own_postgres = settings.database_url is None or self._own_prefect
        self._postgres = EmbeddedServer.of(settings)
        self._names = OwnNames.of(settings)
        self._declared = declared(settings)
        self._server: Program | None = None
        self._worker: Program | None = None
        self.api_url = settings.prefect_api_url or f"http://{HOST}:{options.port}/api"
        self.ui_url = self.api_url.rstrip("/").removesuffix("/api")
        self.login_file = login_file(settings) if self._own_prefect else None
        self.database_url = settings.database_url or ""
        self.logs = settings.home / "logs"

    def start(self) -> None:
        """Start everything and run a first catch-up. Call `stop` even if this raises."""
        if end_orphaned_processes(self._settings):
            self._report.remark("Ended what an earlier `acci up` had left running.")
        if self._own_prefect and not is_free(self._options.port):
            raise PortTaken("the Prefect server", self._options.port, "--port")
        records = self._start_postgres()
        access = self._access()
        environment = prefect_environment(self._settings, access, records)
        if self._own_prefect:
            # This takes a while; the schema and the sample history are made meanwhile.
            where = ["--host", HOST, "--port", str(self._options.port)]
            ours = libpq_environment.without(environment)  # its data is in the embedded PostgreSQL
            self._server = self._run("the Prefect server", "server", ["server", "start", *where], ours)
        with self._report.step("Schema and sample history"):
            migrate(self._direct_url)
            if self._options.sample and self._settings.database_url is None:
                fill_if_empty(self.database_url, self._settings.contexts)
        api = PrefectApi(access)
        try:
            self._start_work(api, environment)
            self._catch_up(api)
        finally:
            api.close()

    def watch(self) -> None:
        """Keep everything running until interrupted; raises ServerDidNotStart for a part that keeps ending."""
        api = PrefectApi(self._access())
        for second in count(1):
            time.sleep(1)
            if self._own_postgres and self._postgres.running_url() is None:
                self._postgres.start(self._options.database_port)
                self._report.remark("Started the embedded PostgreSQL again: it had ended.")
            for program in (self._server, self._worker):
                if program and program.keep():
                    self._report.remark(f"Started {program.name} again: it had ended.")
            if second % CHECK_INTERVAL_SECONDS == 0:
                rotate_large_logs(self.logs)
            if self._own_prefect and second % CHECK_INTERVAL_SECONDS == 0:
                with suppress(PrefectUnreachable):  # it has just been restarted; the next check follows soon
                    for name in give_up_lost_runs(api, self._names.pool, PENDING_GRACE_PERIOD):
                        self._report.remark(f"Gave up the run {name!r}: its process was gone.")

    def stop(self) -> None:
        """Stop everything that was started. What was committed stays, the rest is rolled back."""
        if self._worker:
            with self._report.step("Stopping the worker"):
                self._worker.stop(timeout=10)
                # A worker leaves its runs running; end them while the server is up, so that they can report it.
                end_orphaned_processes(self._settings, spare=self._server.pid if self._server else None)
        if self._server:
            with self._report.step("Stopping the Prefect server"):
                self._server.stop(timeout=20)
        end_orphaned_processes(self._settings)
        if self._own_postgres:
            with self._report.step("Stopping PostgreSQL"):
                self._postgres.stop()

    def _access(self) -> Access:
        if self._own_prefect:
            return Access(self.api_url, own_login(self._settings))
        return Access.named(self.api_url, self._settings)

    def _owner(self) -> Owner:
        """Our own server has the deployments of one database at a time: that of this start."""
        with connect(self._direct_url, "up", "project") as connection:
            return Owner(database_id(connection), self._names, takes_over=self._own_prefect)

    def _start_postgres(self) -> str | None:
        """The database for the Prefect server's own data, if that server is ours."""
        if not self._own_postgres:
            return None
        with self._report.step("PostgreSQL"):
            if self._settings.database_url is None:
                libpq_environment.forget()
            embedded = self._postgres.start(self._options.database_port)
            self.database_url = self.database_url or embedded
            return self._postgres.create_database("prefect") if self._own_prefect else None

    def _start_work(self, api: PrefectApi, environment: dict[str, str]) -> None:
        with self._report.step("Prefect server"):
            deadline = time.monotonic() + SERVER_START_TIMEOUT_SECONDS
            while not api.is_healthy():
                if self._server:
                    self._server.check()
                if time.monotonic() > deadline:
                    raise PrefectUnreachable(self.api_url, f"no answer in {SERVER_START_TIMEOUT_SECONDS} s")
                time.sleep(0.2)
        with self._report.step("Deployments and worker"):
            deploying = Deploying(api, self._owner(), environment, self.logs / "deploy.log", self._declared)
            deploying.begin()
            if self._own_prefect:
                give_up_lost_runs(api, self._names.pool)
                api.delete_missed_runs(self._names.pool)
            pool = ["--pool", self._names.pool, "--type", "process", "--limit", "4"]
            self._worker = self._run("the worker", "worker", ["worker", "start", *pool], environment)
            deploying.finish()

    def _catch_up(self, api: PrefectApi) -> None:
        with self._report.step("First catch-up"):
            run = api.run_deployment("catch-up", self._names("catch-up"))
            deadline = time.monotonic() + FIRST_CATCH_UP_TIMEOUT_SECONDS
            state, message, under_way = "SCHEDULED", "", True
            while under_way and time.monotonic() < deadline:
                time.sleep(0.3)
                if self._worker:
                    self._worker.check()
                state, message, name = api.state(run)
                under_way = state in ("SCHEDULED", "PENDING", "RUNNING")
                if name == "AwaitingConcurrencySlot" and self._all_built():
                    return  # a scheduled run is doing it, and ours waits for its slot
        if under_way or state != "COMPLETED":
            page = f"{self.ui_url}/runs/flow-run/{run}"
            self._report.remark(f"The first catch-up {became(state)}: {message or 'it goes on'} ({page})")

    def _all_built(self) -> bool:
        """Whether every read model has a live generation."""
        catalogue = registered(self._settings)
        with connect(self._direct_url, "up", "project", shared=True) as connection:
            return all(generations.live(connection, name) for name in catalogue.projections)

    @property
    def _direct_url(self) -> str:
        return (self._settings.database_url and self._settings.direct_url) or self.database_url

    def _run(self, name: str, log: str, arguments: list[str], environment: dict[str, str]) -> Program:
        program = Program(name, arguments, self.logs / f"{log}.log", environment)
        program.start()
        return program


def became(state: str) -> str:
    """A verb for how the run ended, from the type of its Prefect state."""
    return {"FAILED": "failed", "CRASHED": "crashed"}.get(state, f"is {state.lower()}")
