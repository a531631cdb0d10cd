"""Unknown events: those whose type is no registered class's present or former name, and is not retired."""

from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

EVERYTHING = 2**62  # positions
WHAT_TO_DO = (
    'Say `formerly = ("OldName",)` in the class that it became, retire it in its Context, or name its domain in '
    "ACCI_CONTEXTS."
)


def count_unknown_events(
    connection: Connection, catalogue: Catalogue, upto: int, at_most: int = EVERYTHING
) -> dict[str, int]:
    """How many events of each such type there are up to a position. Beyond what metrics have counted already, only the
    next `at_most` positions are searched.
    """
    known = [*catalogue.stored, *catalogue.retired]
    wanted = {"known": known, "upto": upto, "at_most": at_most}
    return dict(connection.execute(sql("log/unknown_events"), wanted, prepare=False).fetchall())


def listed(found: dict[str, int]) -> str:
    """The counts as text: "1,200 Paid, 3 Opened"."""
    return ", ".join(f"{count:,} {event_type}" for event_type, count in found.items())
