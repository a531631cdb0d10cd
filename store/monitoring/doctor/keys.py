"""The store of the keys of personal data."""

from collections.abc import Iterator

from acci.domain.errors import AcciError
from acci.store.encryption.configured import key_store
from acci.store.encryption.key_store import NoKeyStore
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.monitoring.doctor.diagnosis import Diagnosis, refused, warning, well
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.address import whereabouts
from acci.store.postgres.database import Connection

APART = "Move it to a database that is not backed up with the log, and set ACCI_KEYS_URL to that."


def keys(_: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """It is there where it is needed, apart from the log, and its keys can be used."""
    settings = situation.settings
    personal = situation.catalogue is not None and have_personal_fields(situation.catalogue.events.values())
    if settings.keys_url is None:
        if not personal:
            yield well("keys", "No registered event has personal data.")
        elif situation.is_embedded:
            yield well("keys", "Those of personal data are beside the embedded database, made at first use.")
        else:
            yield refused("keys", NoKeyStore())
        return
    try:
        store = key_store(settings)
        used = store is not None and store.check()
        together = whereabouts(settings.keys_url) == whereabouts(situation.url)
    except AcciError as error:
        yield refused("keys", error)
        return
    if together:
        said = "The keys of personal data are in the log's own database: a restored backup brings erased people back."
        yield warning("keys", said, APART)
    else:
        wrapped = "wrapped with ACCI_MASTER_KEY" if settings.master_key else "not wrapped (ACCI_MASTER_KEY)"
        there = "can be used" if used else "are made at first use"
        yield well("keys", f"Those of personal data are at {whereabouts(settings.keys_url)}, {there}, {wrapped}.")
