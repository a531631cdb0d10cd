"""`acci deploy`: prefect.yaml, applied to a Prefect server."""

from typing import Annotated

import typer

from acci.domain.errors import AcciError
from acci.flows.cli.printing import console
from acci.store.settings import Settings


class NoPrefectServer(AcciError):
    """Nobody said which Prefect server, and none runs here."""

    sentence = "There is no Prefect server to deploy to: start one with `make up`, or name yours in PREFECT_API_URL."


def deploy(
    notify: Annotated[
        str | None,
        typer.Option(help="A notification block, TYPE/NAME, through which people are notified of problems."),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace deployments of the same names that belong to another database.")
    ] = False,
) -> None:
    """Apply prefect.yaml: work queues, deployments, automations. Run it again after a change of it or of your domains.

    To the Prefect server in PREFECT_API_URL, or that of the running `make up`, which applied it at its start.
    """
    from acci.flows.local.deployments import Deploying, Owner
    from acci.flows.local.environment import prefect_environment
    from acci.flows.local.instance import prefect_access
    from acci.flows.local.object_names import OwnNames
    from acci.flows.local.prefect_api import PrefectApi
    from acci.flows.runtime.session import catalogue, session
    from acci.store.postgres.database_id import database_id

    settings = Settings.from_environment()
    catalogue()  # a domain that cannot be loaded is refused before Prefect is asked
    access = prefect_access(settings)
    if access is None:
        raise NoPrefectServer
    names = OwnNames.of(settings)
    with session("deploy", shared=True) as (connection, _):
        owner = Owner(database_id(connection), names, take_over)
    api, out = PrefectApi(access), console()
    try:
        environment = prefect_environment(settings, access, None)
        deploying = Deploying(api, owner, environment, settings.home / "logs" / "deploy.log")
        with out.status("Applying prefect.yaml"):
            deploying.begin(notify)
            deploying.finish()
    finally:
        api.close()
    declared = deploying.declared
    notifications = f", {len(declared['notifications'])} notifications" if notify else ""
    out.print(
        f"{len(declared['deployments'])} deployments, {len(declared['work_queues'])} work queues, "
        f"{len(declared['automations'])} automations{notifications} are as prefect.yaml says, on {access.url}."
    )
