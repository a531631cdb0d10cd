"""What happens that people or other runs may want to act upon, as events of Prefect: for automations and triggers.

Every one of them is about a read model, `acci.read-model.NAME`, or about the log, `acci.log`
(behind the prefix of ACCI_PREFECT_PREFIX, if there is one).
"""

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event

from acci.flows.local.object_names import OwnNames
from acci.store.settings import Settings

AUDIT_FOUND = "acci.audit.found"
DEAD_LETTER = "acci.dead-letter"
UNHEALTHY = "acci.unhealthy"  # …lag, mark, audit and so on behind a dot


def announce(happening: str, projection: str | None, payload: Mapping[str, Any], **labels: str) -> None:
    """Say that it happened. The run that says so is related to it by Prefect."""
    subject = OwnNames.of(Settings.from_environment()).subject(projection)
    resource = {"prefect.resource.id": subject, **{f"acci.{name}": value for name, value in labels.items()}}
    emit_event(event=happening, resource=resource, payload={"projection": projection, **payload})
