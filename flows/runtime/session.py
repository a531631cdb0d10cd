"""What a task works with: the registered contexts and a connection, from the environment of its process."""

from collections.abc import Iterator
from contextlib import contextmanager

from acci.store.database_url import direct_url
from acci.store.encryption.configured import key_store
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.session import Role
from acci.store.registry import Catalogue, load
from acci.store.settings import Settings


@contextmanager
def session(purpose: str, role: Role = "project") -> Iterator[tuple[Connection, Catalogue]]:
    """A connection of one's own, with the rights of `role`, and the catalogue.

    Raises `DatabaseUnreachable`, `NotAllowed`, `DefinitionError`.
    """
    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    with connect(direct_url(settings), purpose, role, keys=key_store(settings)) as connection:
        yield connection, catalogue


def projection_names(wanted: str) -> list[str]:
    """The projections meant by `wanted`: a name, several separated by commas, or "all". Raises `UnknownName`."""
    catalogue = load(Settings.from_environment().contexts)
    if wanted.strip() == "all":
        return sorted(catalogue.projections)
    named = (name.strip() for name in wanted.split(","))
    return list(dict.fromkeys(catalogue.projection(name).name for name in named))
