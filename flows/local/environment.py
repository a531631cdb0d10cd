"""The environment of everything that `acci up` starts."""

import os

from acci.flows.local.inherited_environment import passed_on, python_path
from acci.flows.local.prefect_login import Access
from acci.flows.local.server_protection import closed
from acci.flows.runtime import logs
from acci.store.settings import CHECKOUT, PROJECT_VARIABLE, Settings

MARK = "ACCI_STARTED_BY_UP"  # marks our processes, also flow runs, so that they can be found without their parents

# No telemetry to third parties.
NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
SERVER = {
    # The UI uses the server that it was loaded from, so it works on any port.
    "PREFECT_SERVER_UI_API_URL": "/api",
    # In memory, the slot of a killed run would stay taken forever after a restart of the server.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # Frequent runs add up: keep two weeks of them.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 24 * 3600),
}
CLIENT = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # without a server, fail rather than start a temporary one
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PYTHONUNBUFFERED": "1",
}


def prefect_environment(settings: Settings, access: Access, database_url: str | None) -> dict[str, str]:
    """The environment for a Prefect command with that server; ours stores its data in `database_url`.

    What the user has set themselves stands, addresses and logins excepted; but for our own server little of it. Runs
    belong to the same project, and find its packages, wherever their worker starts them.
    Temporary files go to the home, which exists afterwards: Prefect's go to one folder of the machine otherwise, which
    belongs to whichever user came first.
    """
    temporary = settings.home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    chosen = NO_TELEMETRY | SERVER | CLIENT | logs.variables(settings)
    chosen |= {"PREFECT_HOME": str(settings.home / "prefect")}
    chosen |= os.environ if database_url is None else passed_on(os.environ)
    chosen |= {"ACCI_HOME": str(settings.home), MARK: str(settings.home), "TMPDIR": str(temporary)}
    chosen[PROJECT_VARIABLE] = str(settings.project or CHECKOUT)
    if (entries := chosen.get("PYTHONPATH", "")) or settings.project is not None:
        chosen["PYTHONPATH"] = python_path(entries, settings.contexts, settings.project)
    access.put_into(chosen)
    if database_url is not None:
        chosen |= closed(access.login or "", access.url.removesuffix("/api"))
        scheme, _, rest = database_url.partition("://")
        # The embedded server has no TLS, which PGSSLMODE may ask for, of another server.
        chosen["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"{scheme}+asyncpg://{rest}?ssl=disable"
    return chosen
