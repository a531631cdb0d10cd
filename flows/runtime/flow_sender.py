"""Flow runs that a reaction starts: one for each effect, since its id is Prefect's idempotency key."""

from acci.flows.local.prefect_api import PrefectApi
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.sender import DeliveryRefused


class FlowSender:
    """Starts runs of deployments on the Prefect server of `api`."""

    def __init__(self, api: PrefectApi) -> None:
        self._api = api

    def send(self, message: Outgoing) -> None:
        """Afterwards the run is there, made now or before.

        Raises `DeliveryRefused` for a deployment that there is not; `PrefectUnreachable` and `LoginRefused`, after
        which it is tried again.
        """
        flow, _, deployment = message.topic.partition("/")
        found = self._api.deployments_named([deployment], [flow]) if deployment else []
        if not found:
            raise DeliveryRefused(f"Prefect has no deployment {message.topic!r}: deploy it, under this name")
        self._api.start_once(found[0]["id"], dict(message.content["parameters"]), str(message.id))
