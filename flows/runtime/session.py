"""From the environment to the catalogue and a connection, the same for flows and CLI commands."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from acci.domain.errors import AcciError
from acci.flows.runtime.project import registered
from acci.store.database_url import database_url, direct_url
from acci.store.encryption.configured import key_store
from acci.store.encryption.key_store import KeyStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.replica import Lag, Replica, lag_of
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
def pool(role: Role, size: int = 2) -> Iterator[tuple[Database, Catalogue]]:
    """A pool of `size` connections with the rights of `role`, and the catalogue. Raises what `session` raises."""
    settings = Settings.from_environment()
    found = registered(settings)
    with _pool(settings, database_url(settings), role, size) as database:
        yield database, found


@contextmanager
def reads(role: Role, *, pooled: bool = True) -> Iterator[tuple[Database | Replica[Database], Catalogue]]:
    """Where reads go, with the rights of `role`, and the catalogue: a replica that is little behind, if one is named.

    `pooled`: to the primary by way of the pooler, if there is one. Raises what `session` raises.
    """
    settings = Settings.from_environment()
    found = registered(settings)
    with _pool(settings, database_url(settings) if pooled else direct_url(settings), role) as primary:
        if settings.read_url is None:
            yield primary, found
            return
        with Replica(primary, _pool(settings, settings.read_url, role), settings.read_lag) as replica:
            yield replica, found


@contextmanager
def replica_up_to_date(purpose: str) -> Iterator[Callable[[], Connection | None]]:
    """A function that gives a connection to the replica, once it has all that the primary has now; it may project.

    None if the settings name no replica, or it does not within the seconds that it may be behind.
    """
    settings = Settings.from_environment()
    if settings.read_url is None:
        yield lambda: None
        return
    with ExitStack() as open_until, _pool(settings, direct_url(settings), "project") as primary:
        url, opened = settings.read_url, list[Connection]()
        replica = open_until.enter_context(Replica(primary, _pool(settings, url, "project"), settings.read_lag))

        def lent() -> Connection | None:
            if not replica.catches_up():
                return None
            if not opened or opened[-1].closed:
                try:
                    there = connect(url, purpose, "project", keys=key_store(settings), tracing=tracing())
                except AcciError:  # the pooler before it gives no session of its own, or it went away just now
                    return None
                opened.append(open_until.enter_context(there))
            return opened[-1]

        yield lent


def lag_of_replica() -> Lag | None:
    """How far the replica that reads go to is behind; None if the settings name none."""
    settings = Settings.from_environment()
    if settings.read_url is None:
        return None
    return lag_of(direct_url(settings), settings.read_url, settings.read_lag, "administer")


def _pool(settings: Settings, url: str, role: Role, size: int = 2) -> Database:
    return Database(url, size, role, settings.limits, keys=key_store(settings), tracing=tracing())


def projection_names(wanted: str) -> list[str]:
    """The projections meant by `wanted`: a name, several separated by commas, or "all". Raises `UnknownName`."""
    found = catalogue()
    if wanted.strip() == "all":
        return sorted(found.projections)
    named = (name.strip() for name in wanted.split(","))
    return list(dict.fromkeys(found.projection(name).name for name in named))
