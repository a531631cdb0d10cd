"""Applying prefect.yaml to a Prefect server: the work pool with its queues, the deployments, the automations."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from domain.errors import AcciError
from flows.local.api import PrefectApi
from flows.local.program import Program
from store.settings import CHECKOUT

POOL = "acci"
SECONDS = 300


@dataclass(eq=False, repr=False)
class NoSuchBlock(AcciError):
    """The Prefect server has no block of that name to notify people through."""

    block: str

    def __str__(self) -> str:
        return (
            f"There is no notification block {self.block!r} on the Prefect server. Make one on its Blocks page, and "
            "name it as TYPE/NAME, such as slack-webhook/on-call."
        )


class Deploying:
    """Applies `declared`, the text of prefect.yaml as data; `begin` and `finish` let others work meanwhile.

    Afterwards the server has what is declared, and nothing twice; what people made besides is left alone.
    """

    def __init__(self, api: PrefectApi, environment: Mapping[str, str], log: Path, file: Path | None = None) -> None:
        self._api = api
        self._block: str | None = None
        self._file = file or CHECKOUT / "prefect.yaml"
        self._program = Program("prefect deploy", ["--no-prompt", "deploy", "--all"], log, environment)

    @cached_property
    def declared(self) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        return found

    def begin(self, notify: str | None = None) -> None:
        """Make the pool and its queues, and start registering the deployments.

        With `notify`, a block, people will be told. Raises `PrefectUnreachable`, `NoSuchBlock`.
        """
        if notify is not None:
            self._block = self._api.block(notify)
            if self._block is None:
                raise NoSuchBlock(notify)
        self._api.ensure_work_pool(POOL)
        for priority, queue in enumerate(self.declared["work_queues"], 1):
            self._api.put_work_queue(POOL, {**queue, "priority": priority})
        self._program.start()

    def finish(self) -> None:
        """Wait for the deployments, and apply the automations.

        Raises `ServerDidNotStart` with what Prefect said if a deployment is refused.
        """
        self._program.finish(SECONDS)
        for deployment in self.declared["deployments"]:
            self._api.put_schedules(deployment["name"], deployment["schedules"])
        for automation in self.declared["automations"]:
            self._api.put_automation(automation)
        if self._block is not None:
            for notification in self.declared["notifications"]:
                self._api.put_automation(telling(notification, self._block))


def telling(notification: Mapping[str, Any], block: str) -> dict[str, Any]:
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
        "match_related": notification.get("match_related", {}),
        "threshold": 1,
    }
    return {"name": notification["name"], "description": "", "trigger": trigger, "actions": [action]}
