"""The database to use: the one that the settings name, else the embedded server's."""

from acci.store.embedded import libpq_environment
from acci.store.embedded.server import EmbeddedServer, NoDatabase
from acci.store.settings import Settings


def database_url(settings: Settings) -> str:
    """The database to use: the one named, else the running embedded server's; NoDatabase if neither."""
    if settings.database_url is None:
        libpq_environment.forget()
    url = settings.database_url or EmbeddedServer.of(settings).running_url()
    if url is None:
        raise NoDatabase(str(settings.home))
    return url


def direct_url(settings: Settings) -> str:
    """The database for flows and long work, which hold locks and tables in their session. Raises `NoDatabase`."""
    return (settings.database_url and settings.direct_url) or database_url(settings)
