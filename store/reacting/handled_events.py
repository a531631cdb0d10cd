"""The events that a reaction handles, read from the log in order."""

from typing import Any

from acci.domain.events import RecordedEvent, by_stored_name
from acci.domain.reactions import Reaction
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


class HandledEvents:
    """Those of one reaction, in one session."""

    def __init__(self, connection: Connection, reaction: type[Reaction]) -> None:
        self._connection, self._reaction = connection, reaction
        types = by_stored_name(reaction.handles())
        self.types, self.decoder = list(types), Decoder(types, keys=connection.keys)

    def page(self, after: int, bound: int, size: int) -> tuple[int, list[RecordedEvent[Any]]]:
        """At most `size` events of its types in (after, bound], and the position up to which there are no others."""
        page = {"after": after, "to": bound, "event_types": self.types, "page": size}
        rows = self._connection.execute(sql("log/events:page"), page).fetchall()
        events = [event for event in self.decoder.events(rows) if self._reaction.concerns(event)]
        return (int(rows[-1][0]) if len(rows) == size else bound), events

    def at(self, positions: list[int]) -> list[RecordedEvent[Any]]:
        """The events at these positions, in order."""
        rows = self._connection.execute(sql("log/events:at"), {"positions": positions}).fetchall()
        return list(self.decoder.events(rows))
