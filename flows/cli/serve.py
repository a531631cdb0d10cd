"""`acci serve`: commands, queries and streams over HTTP."""

from typing import Annotated

import typer

from acci.flows.cli.announcing import announcing


def serve(
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another host name that requests may use; repeatable.")
    ] = None,
) -> None:
    """Serve commands, queries and streams over HTTP.

    Until Ctrl-C or SIGTERM, which end it after the requests under way.

    Every request but /livez needs the token in the home's file web-token, which is made at the first start.
    """
    from acci.store.extras import require

    require("web")
    from acci.flows.local.web_token import token_file, web_token
    from acci.flows.runtime.project import registered
    from acci.flows.web.serving import listen, run, web_application
    from acci.store.application.asynchronous import AsyncApplication
    from acci.store.settings import Settings

    settings = Settings.from_environment()
    say = announcing(settings)
    registered(settings)
    token = web_token(settings.home)
    application = AsyncApplication(settings=settings)
    with listen(host, port) as bound:
        at = f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
        say(f"Serving at {at}; the token is in {token_file(settings.home)}. Ctrl-C ends it.")
        run(web_application(application, token, [host, *(allow_host or ())]), bound)
    say("Ended.")
