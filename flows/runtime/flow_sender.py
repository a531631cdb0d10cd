"""Flow runs that a reaction asks for: started once each, since their idempotency key is the effect's id."""

from contextlib import closing

from acci.flows.local.declared import DATABASE
from acci.flows.local.instance import prefect_access
from acci.flows.local.object_names import OwnNames
from acci.flows.local.prefect_api import PrefectApi, RequestRefused
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.settings import Settings

TIMEOUT = 5.0  # seconds for each request


class FlowSender:
    """Starts runs of deployments on the Prefect server of the settings, or of the running `acci up`."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._names = settings, OwnNames.of(settings)

    def send(self, message: Outgoing) -> None:
        """Afterwards there is a run of the deployment "flow/name", which is this database's if it has one of that name.

        Raises `DeliveryRefused` if there is no such deployment or it does not take the parameters, `DeliveryFailed`,
        `PrefectUnreachable` and `LoginRefused` while the server cannot be used.
        """
        flow, _, name = message.topic.rpartition("/")
        if not flow or "/" in flow:
            raise DeliveryRefused(f"{message.topic!r} names no deployment: give the flow's name, a slash, and its own")
        access = prefect_access(self._settings)
        if access is None:
            raise DeliveryFailed("no Prefect server is known: start `acci up`, or set PREFECT_API_URL")
        wanted = {"parameters": message.content["parameters"], "idempotency_key": str(message.id)}
        with closing(PrefectApi(access, TIMEOUT)) as api:
            deployment = self._deployment(api, flow, name)
            if deployment is None:
                raise DeliveryRefused(f"the Prefect server has no deployment {message.topic!r}: deploy it, then retry")
            try:
                api.run(deployment, wanted)
            except RequestRefused:  # what it says may have the parameters in it
                raise DeliveryRefused(f"the deployment {message.topic!r} does not take these parameters") from None

    def _deployment(self, api: PrefectApi, flow: str, name: str) -> str | None:
        """Its id. That of this database is preferred; one of another database is none."""
        found = {each["name"]: each for each in api.deployments_named({name, self._names(name)}, [flow])}
        if own := found.get(self._names(name)):
            return str(own["id"])
        other = found.get(name)
        if other is None or any(tag.startswith(DATABASE) for tag in other["tags"]):
            return None
        return str(other["id"])
