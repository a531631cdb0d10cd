"""The key store that the settings name, or the one beside the embedded server's database."""

from functools import cache

from acci.store.embedded.server import EmbeddedServer
from acci.store.encryption.key_store import KeyStore, NoKeyStore
from acci.store.settings import Settings

DATABASE = "acci_keys"


@cache
def key_store(settings: Settings) -> KeyStore | None:
    """One for the same settings, to be handed to the connections; None without a place for keys. Opens at first use."""
    if settings.keys_url is not None:
        return KeyStore(settings.keys_url, settings.master_key)
    if settings.database_url is not None:
        return None
    server = EmbeddedServer.of(settings)

    def running_url() -> str:
        url = server.running_url(DATABASE)
        if url is None:
            raise NoKeyStore
        return url

    return KeyStore(running_url, settings.master_key, create=lambda: server.create_database(DATABASE))
