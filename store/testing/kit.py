"""Tests of a domain: given events, when a command is sent, a projection fed or something happens, then what follows.

    from acci import Happened, given

    def test_only_an_active_user_is_deactivated() -> None:
        history = given(UserCreated(email="ann@example.org", name="Ann"), UserDeactivated())
        history.when(DeactivateUser(user_id="ann")).refused("the user is inactive.")

    def test_a_deleted_user_is_gone(acci_database: str) -> None:
        (
            given(
                UserCreated(email="ann@example.org", name="Ann"),
                Happened(UserCreated(email="bob@example.org", name="Bob"), aggregate_id="2"),
                UserDeleted(),
            )
            .when_projected(UserView, acci_database)
            .then({"id": "2", "name": "Bob", "status": "active"})
        )

    def test_an_order_that_is_not_paid_is_cancelled() -> None:
        placed = given(OrderPlaced(amount=20))
        placed.when_fired("unpaid", reaction=Fulfilment).then(Send(CancelOrder(order="1")))
        placed.when(OrderPaid(), reaction=Fulfilment).then(Cancel("unpaid"), Send(ShipOrder(order="1")))

Commands and reactions need no database: they are validated, decided and encoded by the code that does so in production.

A projection with a database (one with ACCI's schema, as `acci migrate` makes it) is compiled over the table of its SQL
file and applied whole, event by event, and in two shares of the keys; each must give the reference engine's rows.
Nothing stays in the database. Without one the reference engine runs alone, columns as the rules' values are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

from acci.domain.commands import CommandData
from acci.domain.events import EventData, RecordedEvent
from acci.domain.projections import Projection
from acci.domain.reactions import Reaction
from acci.store.generations.tables import table_sql
from acci.store.registry import Catalogue
from acci.store.testing.contexts import context_of_projection
from acci.store.testing.decided import SENDER, Decided, decided
from acci.store.testing.histories import TENANT, Happened, happened, recorded
from acci.store.testing.projected import Projected, by_both_engines, by_reference_engine
from acci.store.testing.reacted import Reacted, fired, reacted, refused


@dataclass(frozen=True)
class Given:
    """A history, ready for a command, a projection or a reaction."""

    history: tuple[Happened, ...]

    @property
    def events(self) -> tuple[RecordedEvent[EventData], ...]:
        """The history as a projection or reaction meets it: bare payloads are of aggregate "1" of tenant "test"."""
        return recorded(self.history)

    @overload
    def when(
        self,
        command: CommandData,
        *,
        user_id: str = SENDER,
        tenant_id: str = TENANT,
        timestamp: datetime | None = None,
    ) -> Decided: ...

    @overload
    def when(
        self,
        command: type[CommandData],
        data: Mapping[str, Any],
        *,
        user_id: str = SENDER,
        tenant_id: str = TENANT,
        timestamp: datetime | None = None,
    ) -> Decided: ...

    @overload
    def when(self, event: EventData | Happened, /, *, reaction: type[Reaction] | None = None) -> Reacted: ...

    def when(
        self,
        command: CommandData | type[CommandData] | EventData | Happened,
        data: Mapping[str, Any] | None = None,
        *,
        user_id: str = SENDER,
        tenant_id: str = TENANT,
        timestamp: datetime | None = None,
        reaction: type[Reaction] | None = None,
    ) -> Decided | Reacted:
        """What the command leads to; a class with `data` is a command as it comes from outside, valid or not.

        Bare payloads are events of the aggregate that the command is for. It is sent a minute after the last event,
        unless a `timestamp` is given. Raises what is no answer of the domain, as an append would: `DefinitionError`,
        `UnknownName` for an event that is not registered, `Unstorable`, `PayloadTooLarge`.

        Of an event: what `reaction` decides on it; it need not be named if no other one of the event's context handles
        the event. Raises what the reaction's code does, and `InvalidCommand` for a command that it could not send.
        """
        if isinstance(command, EventData | Happened):
            (event,) = happened([command])
            return reacted(self.history, event, reaction)
        return decided(self.history, command, data, user_id=user_id, tenant_id=tenant_id, timestamp=timestamp)

    def when_fired(self, timer: str, *, reaction: type[Reaction] | None = None, key: str | None = None) -> Reacted:
        """What follows when the timer of that name comes due: its effect, or what is decided on its event.

        The history must have set it, and not cancelled it. `key`, if timers of several keys wait.
        """
        return fired(self.history, timer, reaction, key)

    def when_refused(
        self,
        command: type[CommandData],
        reason: str,
        *,
        reaction: type[Reaction] | None = None,
        key: str | None = None,
    ) -> Reacted:
        """What follows when the last command of that class is refused. The history must have led to it.

        `key`, if it was sent for several keys.
        """
        return refused(self.history, command, reason, reaction, key)

    def when_projected(
        self,
        projection: type[Projection],
        database_url: str | None = None,
        *,
        table: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> Projected:
        """The rows that the events lead to. `table` is its SQL, if not that of the file.

        `defaults` are column defaults, for when there is no database to know them. Raises `CannotApply` for an event
        that the rules have no answer to, `ProjectionError`, and AssertionError if the engines disagree.
        """
        if database_url is None:
            return by_reference_engine(projection, self.events, defaults or {})
        text = table or table_sql(Catalogue((context_of_projection(projection),)), projection)
        return by_both_engines(projection, self.events, database_url, text)


def given(*events: EventData | Happened) -> Given:
    """The history of these events, in order, the oldest first; without any, nothing has happened yet."""
    return Given(happened(events))
