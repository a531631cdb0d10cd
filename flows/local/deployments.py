"""Applying prefect.yaml to a Prefect server: the work pool with its queues, the deployments, the automations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from acci.domain.errors import AcciError
from acci.flows.local.declared import DATABASE, flow_of, owned
from acci.flows.local.former_entrypoints import replace_former_entrypoints
from acci.flows.local.former_names import replace_former_names
from acci.flows.local.object_names import BASE, OwnNames
from acci.flows.local.prefect_api import PrefectApi
from acci.flows.local.process import Program

DEPLOY_TIMEOUT_SECONDS = 300


class NoSuchBlock(AcciError):
    """The Prefect server has no block of that name to notify people through."""

    block: str

    sentence = (
        "There is no notification block {block!r} on the Prefect server. Make one on its Blocks page, and "
        "name it as TYPE/NAME, such as slack-webhook/on-call."
    )


class NotOurs(AcciError):
    """The server has deployments of these names that belong to another database, or to something else than ACCI."""

    url: str
    deployments: tuple[str, ...]
    owner: str

    def __str__(self) -> str:
        first = ", ".join(self.deployments[:3]) + (" …" if len(self.deployments) > 3 else "")
        return (
            f"The Prefect server at {self.url} has deployments of the same names ({first}) that belong to "
            f"{self.owner}. Nothing was changed. Let ACCI_PREFECT_PREFIX begin the names of this database's, or take "
            "theirs with `acci deploy --take-over`."
        )


@dataclass(frozen=True)
class Owner:
    """The owner of deployments: a database, and its names. `takes_over`: also replace another database's."""

    database: UUID
    names: OwnNames
    takes_over: bool = False


class Deploying:
    """Applies what is `declared` for the owner; other work fits between `begin` and `finish`.

    Afterwards the server has that, nothing twice; objects that people made are left alone.
    """

    def __init__(
        self, api: PrefectApi, owner: Owner, environment: Mapping[str, str], log: Path, declared: Mapping[str, Any]
    ) -> None:
        self._api = api
        self._owner = owner
        self._block: str | None = None
        self.declared = owned(declared, owner.names, owner.database)
        self._rendered = log.with_name("prefect.yaml")
        arguments = ["--no-prompt", "deploy", "--all", "--prefect-file", str(self._rendered)]
        self._program = Program("prefect deploy", arguments, log, environment)

    def begin(self, notify: str | None = None) -> None:
        """Make the pool and its queues, and start registering the deployments.

        With `notify`, a block, people will be notified. Raises `PrefectUnreachable`, `NoSuchBlock`, `NotOurs`.
        """
        if notify is not None:
            self._block = self._api.block(notify)
            if self._block is None:
                raise NoSuchBlock(notify)
        if not self._owner.takes_over:
            self._refuse_others()
        pool = self._owner.names.pool
        self._api.ensure_work_pool(pool)
        known = {each["entrypoint"] for each in self.declared["deployments"]}
        own = [
            each for each in self._api.deployments_in(pool) if database_of(each) in (None, str(self._owner.database))
        ]
        replace_former_entrypoints(self._api, own, known)
        for priority, queue in enumerate(self.declared["work_queues"], 1):
            self._api.put_work_queue(pool, {**queue, "priority": priority})
        self._rendered.parent.mkdir(parents=True, exist_ok=True)
        rendered = json.dumps(self.declared, indent=1, default=str)  # which is YAML too
        self._rendered.write_text(rendered, encoding="utf-8")
        self._program.start()

    def finish(self) -> None:
        """Wait for the deployments, and apply the automations.

        Raises `ServerDidNotStart` with what Prefect said if a deployment is refused.
        """
        self._program.finish(DEPLOY_TIMEOUT_SECONDS)
        for deployment in self.declared["deployments"]:
            self._api.put_schedules(flow_of(deployment), deployment["name"], deployment["schedules"])
        replace_former_names(self._api, self._owner.names)
        automations = list(self.declared["automations"])
        if self._block is not None:
            automations += [notification_automation(each, self._block) for each in self.declared["notifications"]]
        for automation in automations:
            self._api.put_automation({"tags": [self._owner.names(BASE)], **automation})

    def _refuse_others(self) -> None:
        """Raises `NotOurs` if deployments would be replaced that are not this database's.

        Deployments of an older ACCI, which name no database, count as its own.
        """
        names = [each["name"] for each in self.declared["deployments"]]
        others: dict[str, list[str]] = {}
        for found in self._api.deployments_named(names, {flow_of(each) for each in self.declared["deployments"]}):
            database = database_of(found)
            if database != str(self._owner.database) and (database or BASE not in found["tags"]):
                whose = f"another database of ACCI's (its id: {database})" if database else "something else than ACCI"
                others.setdefault(whose, []).append(found["name"])
        for whose, theirs in others.items():
            raise NotOurs(self._api.url, tuple(sorted(theirs)), whose)


def database_of(deployment: Mapping[str, Any]) -> str | None:
    """The id of the database that a deployment belongs to, as its tag says."""
    return next((tag.removeprefix(DATABASE) for tag in deployment["tags"] if tag.startswith(DATABASE)), None)


def notification_automation(notification: Mapping[str, Any], block: str) -> dict[str, Any]:
    """The automation that sends the notification through the block at each event that it expects."""
    action = {
        "type": "send-notification",
        "block_document_id": block,
        "subject": notification["subject"],
        "body": notification["body"],
    }
    trigger = {
        "type": "event",
        "posture": "Reactive",
        "expect": notification["expect"],
        "match": notification.get("match", {}),
        "match_related": notification.get("match_related", {}),
        "threshold": 1,
    }
    return {"name": notification["name"], "description": "", "trigger": trigger, "actions": [action]}
