"""A database for a test as `acci migrate` and the first rebuilds leave it; and its read models brought up to date."""

from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.postgres.database import connect
from acci.store.postgres.keys import Keys
from acci.store.postgres.migrations import migrate
from acci.store.projecting.batches import catch_up
from acci.store.projecting.dead_letters import DeadLetter, letters
from acci.store.rebuilding.build import rebuild
from acci.store.registry import Catalogue


def prepare(url: str, catalogue: Catalogue) -> None:
    """Afterwards the empty database has the schema, and each registered read model: live, and without rows."""
    migrate(url)
    with connect(url, "test", "project") as connection:
        for projection in catalogue.projections.values():
            rebuild(connection, catalogue, projection)


def catch_up_all(url: str, catalogue: Catalogue, keys: Keys | None) -> None:
    """Afterwards every registered read model has what was appended before.

    Raises AssertionError if there are events that a projection could not apply; the others are applied.
    """
    with connect(url, "test", "project", keys=keys) as connection:
        for projection in catalogue.projections.values():
            catch_up(connection, catalogue, projection)
        if dead := letters(connection):
            raise AssertionError("Events could not be applied:" + "".join(map(_line, dead)))


def needs_keys(catalogue: Catalogue) -> bool:
    """Whether personal data is stored, for which there must be a place for keys."""
    return have_personal_fields(catalogue.events.values())


def _line(letter: DeadLetter) -> str:
    return f"\n  {letter.projection}, {letter.event_type} at position {letter.position}: {letter.error}"
