"""The key store that the settings name, or the one beside the embedded server's database."""

from functools import cache

from acci.store.embedded.server import EmbeddedServer
from acci.store.encryption.key_store import KeyStore, NoKeyStore
from acci.store.settings import Settings

DATABASE = "acci_keys"


@cache
def key_store(settings: Settings) -> KeyStore | None:
    """The key store for these settings, to be handed to connections; None if they name none. Opens at first use."""
    if settings.keys_url is not None:
        return KeyStore(settings.keys_url, settings.master_key, limits=settings.limits)
    if settings.database_url is not None:
        return None
    server = EmbeddedServer.of(settings)

    def running_url() -> str:
        url = server.running_url(DATABASE)
        if url is None:
            raise NoKeyStore
        return url

    return KeyStore(running_url, settings.master_key, lambda: server.create_database(DATABASE), limits=settings.limits)
