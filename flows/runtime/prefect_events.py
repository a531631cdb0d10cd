"""Prefect events that automations and triggers may react to.

Each is about a read model, `acci.read-model.NAME`, a reaction, `acci.reaction.NAME`, or about the log, `acci.log`
(behind the prefix of ACCI_PREFECT_PREFIX, if there is one).
"""

from collections.abc import Mapping
from typing import Any

from acci.flows.local.object_names import OwnNames
from acci.store.extras import needs
from acci.store.settings import Settings

with needs("flows"):
    from prefect.events import emit_event

AUDIT_FOUND = "acci.audit.found"
DEAD_LETTER = "acci.dead-letter"
UNHEALTHY = "acci.unhealthy"  # followed by a dot and lag, mark, audit …


def emit(
    event: str, projection: str | None, payload: Mapping[str, Any], reaction: str | None = None, **labels: str
) -> None:
    """Emit the event about a read model, a reaction, or the log. Prefect relates the run that emits it."""
    subject = OwnNames.of(Settings.from_environment()).subject(projection, reaction)
    resource = {"prefect.resource.id": subject, **{f"acci.{name}": value for name, value in labels.items()}}
    emit_event(event=event, resource=resource, payload={"projection": projection, "reaction": reaction, **payload})
