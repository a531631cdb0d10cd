"""From the environment to the catalogue and a connection, the same for flows and CLI commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from acci.flows.runtime.project import registered
from acci.store.database_url import database_url, direct_url
from acci.store.encryption.configured import key_store
from acci.store.encryption.key_store import KeyStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.session import Role
from acci.store.registry import Catalogue
from acci.store.settings import Settings
from acci.store.telemetry import Tracing


def catalogue() -> Catalogue:
    """What the contexts of ACCI_CONTEXTS register. Raises `DefinitionError`."""
    return registered(Settings.from_environment())


def direct() -> tuple[str, Catalogue]:
    """The database's URL, past any pooler, for what makes its own connections; and the catalogue."""
    settings = Settings.from_environment()
    found = registered(settings)
    return direct_url(settings), found


def keys() -> KeyStore | None:
    """The key store for personal data; None if the settings name none. It is opened at first use."""
    return key_store(Settings.from_environment())


@cache
def tracing() -> Tracing | None:
    """Where this process sends its traces, as its environment asked at the first call; None if nowhere."""
    return Tracing.from_environment()


@contextmanager
def session(
    purpose: str, role: Role | None = "project", *, shared: bool = False, pooled: bool = False
) -> Iterator[tuple[Connection, Catalogue]]:
    """A connection with the rights of `role`, and the catalogue; `purpose` shows in `pg_stat_activity`.

    `shared`: nothing is left in the session between transactions. `pooled`: by way of the pooler, if there is one.
    Raises `DefinitionError`, and what `connect` raises: `DatabaseUnreachable`, `NotAllowed` …
    """
    settings = Settings.from_environment()
    found = registered(settings)
    url = database_url(settings) if pooled else direct_url(settings)
    with connect(url, purpose, role, shared=shared, keys=key_store(settings), tracing=tracing()) as connection:
        yield connection, found


@contextmanager
def pool(role: Role) -> Iterator[tuple[Database, Catalogue]]:
    """A small pool of connections with the rights of `role`, and the catalogue. Raises what `session` raises."""
    settings = Settings.from_environment()
    found = registered(settings)
    with Database(
        database_url(settings), 2, role, settings.limits, keys=key_store(settings), tracing=tracing()
    ) as database:
        yield database, found


def projection_names(wanted: str) -> list[str]:
    """The projections meant by `wanted`: a name, several separated by commas, or "all". Raises `UnknownName`."""
    found = catalogue()
    if wanted.strip() == "all":
        return sorted(found.projections)
    named = (name.strip() for name in wanted.split(","))
    return list(dict.fromkeys(found.projection(name).name for name in named))
