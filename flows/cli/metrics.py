"""`acci metrics`: figures for Prometheus."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from acci.domain.errors import AcciError
from acci.flows.cli.announcing import announcing
from acci.flows.cli.stopping import end_as_by_ctrl_c
from acci.store.settings import Settings

if TYPE_CHECKING:
    from acci.store.registry import Catalogue


class CannotServe(AcciError):
    """The address cannot be had."""

    host: str
    port: int
    reason: str

    sentence = "Metrics cannot be served at {host}:{port}: {reason}. Choose another --serve or --host."


def metrics(
    serve: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve them at this port until Ctrl-C; 0: any free one.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to serve them at; 0.0.0.0 for all.")] = "127.0.0.1",
    name: Annotated[list[str] | None, typer.Option(help="Another host name that requests may use; repeatable.")] = None,
) -> None:
    """Print or serve the figures as Prometheus reads them."""
    from acci.flows.cli.prometheus import text
    from acci.flows.runtime.session import direct, lag_of_replica, session
    from acci.store.monitoring.metrics import read_metrics

    if serve is not None:
        _serve(*direct(), host, serve, name or [])
        return
    with session("metrics", "administer", shared=True) as (connection, catalogue):
        found = replace(read_metrics(connection, catalogue), replica=lag_of_replica())
    typer.echo(text(found), nl=False)


def _serve(url: str, catalogue: "Catalogue", host: str, port: int, names: list[str]) -> None:
    from acci.flows.cli.prometheus import serve
    from acci.flows.runtime.session import lag_of_replica

    say = announcing(Settings.from_environment())
    try:
        at = serve(url, catalogue, host, port, names, lag_of_replica)
    except OSError as error:
        raise CannotServe(host, port, error.strerror or str(error)) from None
    end_as_by_ctrl_c()
    try:
        say(f"Serving metrics at http://{host}:{at}/metrics; Ctrl-C ends it.")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("Ended.")
