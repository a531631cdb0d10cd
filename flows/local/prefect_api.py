"""The few requests that ACCI sends to a Prefect server, without importing Prefect, which takes three seconds."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from acci.domain.errors import AcciError
from acci.flows.local.prefect_login import Access
from acci.store.extras import needs

with needs("flows"):
    import httpx


REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY)


class PrefectUnreachable(AcciError):
    """The Prefect server at `url` did not answer, or not as it should."""

    transient: ClassVar[bool] = True

    url: str
    reason: str

    sentence = (
        "The Prefect server at {url} cannot be used: {reason}. Start it with `acci up`, or correct PREFECT_API_URL."
    )


class LoginRefused(AcciError):
    """The Prefect server at `url` wants another login."""

    url: str

    sentence = (
        "The Prefect server at {url} refuses the login: let PREFECT_API_AUTH_STRING be its user:password "
        "(or PREFECT_API_KEY its key)."
    )


class RequestRefused(PrefectUnreachable):
    """The Prefect server at `url` answers that it will not do this, however often it is asked."""

    transient: ClassVar[bool] = False

    sentence = "The Prefect server at {url} refuses a request: {reason}. Is its version the one that ACCI needs?"


@dataclass(frozen=True)
class Run:
    """A flow run taken by a process worker; `process` is its process number once it has started."""

    id: str
    name: str
    process: int | None
    since: datetime  # since when it has its present state


def require_usable(access: Access) -> None:
    """Raises PrefectUnreachable or LoginRefused, as every request of its would."""
    api = PrefectApi(access)
    try:
        if not api.is_healthy():
            raise PrefectUnreachable(access.url, "it does not answer")
        api.check_login()
    finally:
        api.close()


class PrefectApi:
    """A Prefect server. Every request may raise PrefectUnreachable or LoginRefused."""

    def __init__(self, access: Access, timeout: float = 30) -> None:
        self.url = access.url
        self._client = access.client(timeout)

    def close(self) -> None:
        self._client.close()

    def is_healthy(self) -> bool:
        """Whether the server answers and reports itself healthy."""
        try:
            return self._client.get("/health").is_success
        except httpx.TransportError:
            return False

    def check_login(self) -> None:
        """Raises LoginRefused if the server refuses the login."""
        self._ask("POST", "/work_pools/filter", {"limit": 1})

    def version(self) -> str | None:
        """The server's version of Prefect; None if it does not say, as Prefect Cloud."""
        try:
            answer = self._client.get("/admin/version")
        except httpx.TransportError as error:
            raise PrefectUnreachable(self.url, str(error)) from error
        return str(answer.json()) if answer.is_success else None

    def workers_online(self, pool: str) -> list[str] | None:
        """The names of the pool's workers that reported recently; None if there is no such pool."""
        if not self._ask("POST", "/work_pools/filter", {"work_pools": {"name": {"any_": [pool]}}}):
            return None
        return [
            each["name"] for each in self._all(f"/work_pools/{pool}/workers/filter", {}) if each["status"] == "ONLINE"
        ]

    def ensure_work_pool(self, name: str) -> None:
        """Afterwards there is a pool for process workers of that name; the first worker fills in its template."""
        if not self._ask("POST", "/work_pools/filter", {"work_pools": {"name": {"any_": [name]}}}):
            self._ask("POST", "/work_pools/", {"name": name, "type": "process"})

    def put_work_queue(self, pool: str, queue: dict[str, Any]) -> None:
        """Afterwards the pool has the queue, with this description, priority (1 comes first) and limit."""
        wanted = {"concurrency_limit": None, **queue}
        queues = f"/work_pools/{pool}/queues"
        known = self._ask("POST", f"{queues}/filter", {"work_queues": {"name": {"any_": [queue["name"]]}}})
        if any(each["name"] == queue["name"] for each in known):
            self._ask("PATCH", f"{queues}/{queue['name']}", wanted)
        else:
            self._ask("POST", queues, wanted)

    def put_automation(self, automation: dict[str, Any]) -> None:
        """Afterwards there is one automation of that name, and it is this one; on or off as it was, on if it is new."""
        known = self._automations(automation["name"])
        wanted = {"enabled": True, **automation}
        if known:
            wanted["enabled"] = known[0]["enabled"]
            self._ask("PUT", f"/automations/{known[0]['id']}", wanted)
        else:
            self._ask("POST", "/automations/", wanted)

    def rename_automation(self, former: str, present: str) -> None:
        """Afterwards no automation is called `former`: it is called `present`, or is gone if another one is."""
        taken = bool(self._automations(present))
        for found in self._automations(former):
            path = f"/automations/{found['id']}"
            if taken:
                self._ask("DELETE", path)
            else:
                kept = {part: found[part] for part in ("description", "enabled", "tags", "trigger", "actions")}
                self._ask("PUT", path, {**kept, "name": present})
                taken = True

    def deployments_named(self, names: Collection[str], flows: Collection[str]) -> list[dict[str, Any]]:
        """The deployments with one of the names, of one of the flows."""
        wanted = {"deployments": {"name": {"any_": list(names)}}, "flows": {"name": {"any_": list(flows)}}}
        return self._all("/deployments/filter", wanted)

    def deployments_in(self, pool: str) -> list[dict[str, Any]]:
        """The deployments of the work pool."""
        return self._all("/deployments/filter", {"work_pools": {"name": {"any_": [pool]}}})

    def put_entrypoint(self, deployment: str, entrypoint: str) -> None:
        """Afterwards the deployment's runs, also waiting ones, start at this entrypoint."""
        self._ask("PATCH", f"/deployments/{deployment}", {"entrypoint": entrypoint})

    def waiting_runs(self, deployment: str) -> list[str]:
        """The ids of the deployment's runs that no worker has taken yet."""
        wanted = {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        return [run["id"] for run in self._all("/flow_runs/filter", {"flow_runs": wanted})]

    def fail(self, run: str, why: str) -> None:
        """Afterwards the run counts as failed."""
        self._ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "FAILED", "message": why}, "force": True})

    def put_schedules(self, flow: str, deployment: str, declared: Sequence[Mapping[str, Any]]) -> None:
        """Afterwards its schedules with a slug are the declared ones, active unless declared otherwise.

        `prefect deploy` keeps a schedule active or not unless the file says, and keeps removed schedules.
        A schedule without a slug was made by a person in the UI.
        """
        is_on = {schedule["slug"]: schedule.get("active", True) for schedule in declared}
        for found in self.deployments_named([deployment], [flow]):
            for schedule in found["schedules"]:
                path = f"/deployments/{found['id']}/schedules/{schedule['id']}"
                if schedule["slug"] in is_on and schedule["active"] != is_on[schedule["slug"]]:
                    self._ask("PATCH", path, {"active": is_on[schedule["slug"]]})
                elif schedule["slug"] and schedule["slug"] not in is_on:
                    self._ask("DELETE", path)

    def block(self, name: str) -> str | None:
        """The id of the block TYPE/NAME, if there is one."""
        kind, _, document = name.partition("/")
        wanted = {"block_documents": {"name": {"any_": [document]}}, "block_types": {"slug": {"any_": [kind]}}}
        found = self._ask("POST", "/block_documents/filter", wanted)
        return str(found[0]["id"]) if found else None

    def runs_under_way(self, pool: str) -> list[Run]:
        """The pool's runs that count as submitted, running or being cancelled."""
        found = self._runs(pool, state={"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}})
        return [
            Run(
                id=run["id"],
                name=run["name"],
                process=int(run["infrastructure_pid"]) if run["infrastructure_pid"] else None,
                since=datetime.fromisoformat(run["state"]["timestamp"]),
            )
            for run in found
        ]

    def give_up(self, run: Run, why: str) -> None:
        """Afterwards the run counts as crashed, and its slot is free."""
        self._ask("POST", f"/flow_runs/{run.id}/set_state", {"state": {"type": "CRASHED", "message": why}})

    def delete_missed_runs(self, pool: str) -> int:
        """Delete the pool's overdue scheduled runs; returns how many. One run makes up for them all.

        Runs that a person asked for stay in the queue.
        """
        overdue = {"before_": datetime.now(UTC).isoformat()}
        by_schedule = {"all_": ["auto-scheduled"]}  # the tag that Prefect's scheduler gives them
        missed = self._runs(
            pool, state={"type": {"any_": ["SCHEDULED"]}}, tags=by_schedule, next_scheduled_start_time=overdue
        )
        for run in missed:
            self._ask("DELETE", f"/flow_runs/{run['id']}")
        return len(missed)

    def run_deployment(self, flow: str, deployment: str) -> str:
        """Start a run of the deployment now; returns the run's id."""
        found = self._ask("GET", f"/deployments/name/{flow}/{deployment}")
        return self.run(found["id"], {})

    def run(self, deployment: str, wanted: Mapping[str, Any]) -> str:
        """Start a run of the deployment with that id, as wanted; returns the run's id. Raises `RequestRefused`."""
        return str(self._ask("POST", f"/deployments/{deployment}/create_flow_run", dict(wanted))["id"])

    def state(self, run: str) -> tuple[str, str, str]:
        """The type (COMPLETED, FAILED …), the message and the name of the run's state."""
        state = self._ask("GET", f"/flow_runs/{run}")["state"]
        return state["type"], state["message"] or "", state["name"]

    def delete_artifacts(self, texts: Sequence[str]) -> int:
        """Delete every artifact that contains any of the texts; returns how many."""
        said, seen = [], 0
        while page := self._ask("POST", "/artifacts/filter", {"offset": seen, "limit": 200, "sort": "CREATED_DESC"}):
            seen += len(page)
            said += [each["id"] for each in page if any(text in _words_of(each) for text in texts)]
        for artifact in said:
            self._ask("DELETE", f"/artifacts/{artifact}")
        return len(said)

    def _runs(self, pool: str, **conditions: object) -> list[dict[str, Any]]:
        return self._all("/flow_runs/filter", {"flow_runs": conditions, "work_pools": {"name": {"any_": [pool]}}})

    def _automations(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask(
            "POST", "/automations/filter", {"automations": {"name": {"any_": [name]}}}
        )
        return found

    def _all(self, path: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Everything that the filter finds, page by page."""
        found: list[dict[str, Any]] = []
        while page := self._ask("POST", path, wanted | {"offset": len(found)}):
            found += page
        return found

    def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=content)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise LoginRefused(self.url)
            if answer.status_code in REFUSED:
                raise RequestRefused(self.url, f"{answer.status_code} {answer.reason_phrase}")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise PrefectUnreachable(self.url, str(error).splitlines()[0]) from error
        return answer.json() if answer.content else None


def _words_of(artifact: dict[str, Any]) -> str:
    """The text of an artifact. A table is JSON within a string, escaped once or twice."""
    data = artifact["data"]
    with suppress(TypeError, ValueError):
        data = json.loads(data)
    return json.dumps([data, artifact["description"]], ensure_ascii=False)
