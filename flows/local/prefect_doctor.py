"""What `acci doctor` looks at on the Prefect server. To add a check, add a function to `CHECKS`."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from uuid import UUID

from acci.domain.errors import AcciError
from acci.flows.local.declared import declared, flow_of, owned
from acci.flows.local.deployments import database_of
from acci.flows.local.instance import prefect_access
from acci.flows.local.object_names import OwnNames
from acci.flows.local.prefect_api import PrefectApi, require_usable
from acci.store.database_url import direct_url
from acci.store.monitoring.doctor.diagnosis import Diagnosis, refused, warning, well, wrong
from acci.store.postgres.database import connect
from acci.store.postgres.database_id import database_id
from acci.store.settings import Settings

PrefectCheck = Callable[[PrefectApi, Settings], Iterator[Diagnosis]]
NAMED = 3  # deployments in one sentence


def examine_prefect(settings: Settings) -> Iterator[Diagnosis]:
    """The Prefect server, and what this database has there. One line if there is none, or it cannot be used."""
    try:
        access = prefect_access(settings)
        if access is None:
            said = "No server is named (PREFECT_API_URL) and no `acci up` runs here: flows run by `acci run` only."
            yield well("Prefect", said)
            return
        require_usable(access)
    except AcciError as error:
        yield refused("Prefect", error)
        return
    yield well("Prefect", f"The server at {access.url} answers.")
    api = PrefectApi(access)
    try:
        for name, check in CHECKS:
            try:
                yield from check(api, settings)
            except AcciError as error:
                yield refused(name, error)
    finally:
        api.close()


def versions(api: PrefectApi, _: Settings) -> Iterator[Diagnosis]:
    """Client and server are of one minor version."""
    here, there = version("prefect"), api.version()
    if there is None:
        yield well("Prefect versions", f"Client {here}; the server does not say its own.")
    elif here.split(".")[:2] == there.split(".")[:2]:
        yield well("Prefect versions", f"Client {here}, server {there}.")
    else:
        said = f"The client is Prefect {here} and the server {there}: ACCI is tested with both the same."
        yield warning("Prefect versions", said, f"Run the server with Prefect {here}.")


def workers(api: PrefectApi, settings: Settings) -> Iterator[Diagnosis]:
    """Somebody takes this database's runs."""
    pool = OwnNames.of(settings).pool
    online = api.workers_online(pool)
    if online is None:
        yield wrong("workers", f"The server has no work pool {pool}.", "acci deploy")
    elif online:
        yield well("workers", f"{len(online)} of the pool {pool} are online: {', '.join(sorted(online))}.")
    else:
        yield wrong("workers", f"No worker of the pool {pool} is online: runs wait.", "acci worker")


def deployments(api: PrefectApi, settings: Settings) -> Iterator[Diagnosis]:
    """Those that are declared are there, and are this database's."""
    database = _database(settings)
    wanted = owned(declared(settings), OwnNames.of(settings), database)["deployments"]
    names = {each["name"] for each in wanted}
    found = {each["name"]: each for each in api.deployments_named(names, {flow_of(each) for each in wanted})}
    others = [name for name, each in found.items() if database_of(each) not in (None, str(database))]
    missing = names - found.keys()
    if others:
        said = f"The deployments {_listed(others)} are another database's."
        remedy = "Let ACCI_PREFECT_PREFIX begin the names of this database's, or `acci deploy --take-over`."
        yield wrong("deployments", said, remedy)
    elif missing:
        said = f"{len(missing)} of {len(names)} deployments are not on the server: {_listed(missing)}."
        yield wrong("deployments", said, "acci deploy")
    else:
        yield well("deployments", f"All {len(names)} are there.")


CHECKS: tuple[tuple[str, PrefectCheck], ...] = (
    ("Prefect versions", versions),
    ("workers", workers),
    ("deployments", deployments),
)


def _database(settings: Settings) -> UUID:
    with connect(direct_url(settings), "doctor", "project", shared=True) as connection:
        return database_id(connection)


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:NAMED]) + (" …" if len(shown) > NAMED else "")
