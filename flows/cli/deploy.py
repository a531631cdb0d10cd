"""`acci deploy`: prefect.yaml, applied to a Prefect server."""

from pathlib import Path
from typing import Annotated

import typer

from acci.domain.errors import AcciError
from acci.flows.cli.printing import console
from acci.store.extras import require
from acci.store.settings import Settings


class NoPrefectServer(AcciError):
    """Nobody said which Prefect server, and none runs here."""

    sentence = "There is no Prefect server to deploy to: start one with `acci up`, or name yours in PREFECT_API_URL."


def deploy(
    notify: Annotated[
        str | None,
        typer.Option(help="A notification block, TYPE/NAME, through which people are notified of problems."),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace deployments of the same names that belong to another database.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(help="Your own deployments, over the package's by name; prefect.yaml in your project otherwise."),
    ] = None,
) -> None:
    """Apply prefect.yaml: work queues, deployments, automations. Run it again after a change of it or of your domains.

    It is the package's, with your project's own prefect.yaml over it, and the schedules of [tool.acci.schedules].
    To the Prefect server in PREFECT_API_URL, or that of the running `acci up`, which applied it at its start.
    """
    require("flows")
    from acci.flows.local.declared import declared
    from acci.flows.local.deployments import Deploying, Owner
    from acci.flows.local.environment import prefect_environment
    from acci.flows.local.instance import prefect_access
    from acci.flows.local.object_names import OwnNames
    from acci.flows.local.prefect_api import PrefectApi
    from acci.flows.runtime.session import catalogue, session
    from acci.store.postgres.database_id import database_id

    settings = Settings.from_environment()
    catalogue()  # a domain that cannot be loaded is refused before Prefect is asked
    wanted = declared(settings, file)
    access = prefect_access(settings)
    if access is None:
        raise NoPrefectServer
    names = OwnNames.of(settings)
    with session("deploy", shared=True) as (connection, _):
        owner = Owner(database_id(connection), names, take_over)
    api, out = PrefectApi(access), console()
    try:
        environment = prefect_environment(settings, access, None)
        deploying = Deploying(api, owner, environment, settings.home / "logs" / "deploy.log", wanted)
        with out.status("Applying prefect.yaml"):
            deploying.begin(notify)
            deploying.finish()
    finally:
        api.close()
    notifications = f", {len(wanted['notifications'])} notifications" if notify else ""
    out.print(
        f"{len(wanted['deployments'])} deployments, {len(wanted['work_queues'])} work queues, "
        f"{len(wanted['automations'])} automations{notifications} are as declared, on {access.url}."
    )
