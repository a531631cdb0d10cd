"""What happens that people or other runs may want to act upon, as events of Prefect: for automations and triggers.

Every one of them is about a read model, `acci.read-model.NAME`, or about the log, `acci.log`.
"""

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event

AUDIT_FOUND = "acci.audit.found"
DEAD_LETTER = "acci.dead-letter"
UNHEALTHY = "acci.unhealthy"  # …lag, mark, audit and so on behind a dot


def announce(happening: str, projection: str | None, payload: Mapping[str, Any], **labels: str) -> None:
    """Say that it happened. The run that says so is related to it by Prefect."""
    subject = f"acci.read-model.{projection}" if projection else "acci.log"
    resource = {"prefect.resource.id": subject, **{f"acci.{name}": value for name, value in labels.items()}}
    emit_event(event=happening, resource=resource, payload={"projection": projection, **payload})
