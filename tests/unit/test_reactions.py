"""Reactions: what is refused when one is declared, their keys, and what becomes of what a method returns."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import pytest
from pydantic import Field

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.effects import Cancel, Effect, Message, Send
from acci.domain.errors import DefinitionError, UnknownName
from acci.domain.events import Event, EventData, RecordedEvent
from acci.domain.personal import Personal
from acci.domain.reactions import OWN_EVENTS, CommandRefused, Reaction, TimerFired, reacts, refused
from acci.store.registry import Catalogue
from acci.store.testing.histories import Happened, recorded
from tests.domains.shipping import CONTEXT as SHIPPING
from tests.domains.shipping import Announcement, ParcelOverdue, Tracking

PING = Message("pings", {})
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Came(EventData):
    subject: ClassVar[str] = "by"

    place: str | None = None
    number: int = 0
    by: str = "ann"
    name: Personal[str] = "Ann"


class CameLate(Came):
    pass


class Left(EventData):
    pass


class Open(CommandData):
    aggregate_id_field: ClassVar[str] = "door"

    door: str


def happened(data: EventData, aggregate_id: str = "1", aggregate_type: str = "Guest") -> RecordedEvent[Any]:
    return recorded([Happened(data, aggregate_id, "t", aggregate_type)])[0]


def make(reaction: str = "Wrong", **body: Any) -> type[Reaction]:
    """A reaction to Left with these attributes; one that is None is left out."""

    @reacts(Left)
    def leave(self: Reaction, event: Event[Left]) -> Message:
        return PING

    annotations = body.pop("annotations", {})
    attributes = {"name": "wrong", "leave": leave, **body, "__module__": __name__, "__annotations__": annotations}
    return type(reaction, (Reaction,), {key: value for key, value in attributes.items() if value is not None})


def by(mark: Callable[[Any], Any]) -> Any:
    @mark
    def method(self: Reaction, event: Any) -> Any:
        return self

    method.__qualname__ = "Wrong.method"
    return method


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "Welcome"}, "its name 'Welcome' is not like welcome_mail"),
    ({"name": "1st"}, "its name '1st' is not like"),
    ({"name": "a" * 61}, "is not like"),
    ({"name": ""}, "is not like"),
    ({"name": 7}, "its name 7 is not like"),
    ({"annotations": {"name": str}}, "its name would be a field of its state: write `name = …`"),
    ({"leave": None}, "nothing follows from anything: mark a method with @reacts"),
    ({"fired": by(reacts(TimerFired))}, "TimerFired is ACCI's own: let a timer store an event of yours"),
    (
        {"fired": by(evolves(TimerFired)), "steps": 0, "annotations": {"steps": int}},
        "TimerFired is ACCI's own",
    ),
    ({"no": by(reacts(CommandRefused))}, "react to a refused command with @refused"),
    ({"came": by(reacts(EventData))}, "EventData is the base of all events"),
    ({"came": by(reacts(Came))}, "Came does not include its subclasses CameLate; name these too"),
    ({"no": by(reacts(cast(Any, Open)))}, "is no class of EventData"),
    ({"no": by(refused(cast(Any, Left)))}, "is no class of CommandData"),
    ({"twice": by(reacts(Left)), "again": by(reacts(Left))}, "two methods react to Left; let one do"),
    ({"twice": by(refused(Open)), "again": by(refused(Open))}, "two methods react to Open; let one do"),
    ({"react": by(reacts(Left))}, "its method 'react' would replace one of the base class Reaction"),
    ({"evolve": by(evolves(Left))}, "its method 'evolve' would replace one of the base class Reaction"),
    ({"steps": 0, "annotations": {"steps": int}}, "its fields never change: mark a method with @evolves"),
    ({"annotations": {"steps": int}}, "give its field 'steps' a default"),
    ({"stay": by(evolves(Left))}, "it has @evolves and no field that could change"),
    ({"keys": {Came: "place"}}, "it has a key for Came, which it does not handle"),
    ({"keys": {"Left": "place"}}, "it has a key for Left, which it does not handle"),
    ({"keys": {CommandRefused: "command"}}, "it has a key for CommandRefused, which it does not handle"),
    ({"keys": {Left: "place"}}, "its key 'place' is no field of Left"),
    ({"keys": ["place"]}, "its keys are no dict from an event's class"),
    (
        {"came": by(reacts(Came, CameLate)), "keys": {Came: "name"}},
        "its key 'name' of Came is personal data, which is erased one day",
    ),
    ({"begins_at": "tail"}, "its begins_at is 'tail': give 'head', 'beginning', a position or a moment"),
    ({"begins_at": -1}, "its begins_at is -1"),
    ({"begins_at": True}, "its begins_at is True"),
    ({"begins_at": 2**63}, "its begins_at is 9223372036854775808"),
    ({"begins_at": MOMENT.replace(tzinfo=None)}, "the moment in its begins_at has no time zone"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=[reason[:50] for _, reason in REFUSED])
def test_what_cannot_work_is_refused_when_the_class_is_defined(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make(**body)
    assert caught.value.subject == "Reaction Wrong"
    assert reason in caught.value.reason


@pytest.mark.parametrize("begins_at", ["head", "beginning", 0, 2**63 - 1, MOMENT])
def test_it_may_begin_at_either_end_a_position_or_a_moment(begins_at: Any) -> None:
    assert make(begins_at=begins_at).begins_at == begins_at


@pytest.mark.parametrize("mark", [reacts, refused])
def test_a_mark_that_names_no_class_is_refused(mark: Any) -> None:
    """Without its parentheses it would take the method's place, and nothing would follow."""
    for wrong in ((), (test_a_mark_that_names_no_class_is_refused,), ("Left",)):
        with pytest.raises(DefinitionError, match=f"@{mark.__name__}: name classes in it, as in @{mark.__name__}"):
            mark(*wrong)


def test_a_method_that_returns_no_effects_at_once_is_refused() -> None:
    def yields(self: Reaction, event: Event[Left]) -> Iterator[Effect]:
        yield PING

    async def waits(self: Reaction, event: Event[Left]) -> Effect:
        return PING

    async def yields_later(self: Reaction, event: Event[Left]) -> AsyncIterator[Effect]:
        yield PING

    for method in (yields, waits, yields_later):
        for mark in (reacts(Left), refused(Open)):
            with pytest.raises(DefinitionError, match=f"its {method.__name__} is async, or has a yield: return"):
                make(leave=None, method=mark(method))


def test_a_state_may_have_fields_of_any_name() -> None:
    class Guests(Reaction):
        name: ClassVar[str] = "guests"

        kind: str = "guest"
        marks: int = 0

        @evolves(Left)
        def leave(self, _: Event[Left]) -> Self:
            return self.changed(marks=self.marks + 1)

        @reacts(Left)
        def tell(self, _: Event[Left]) -> Message:
            return Message("pings", {self.kind: self.marks})

    class Guest(Aggregate):
        kind: str = "guest"
        marks: int = 0

    assert Guests().evolve(happened(Left())).react(happened(Left())) == (Message("pings", {"guest": 1}),)
    assert Guest(kind="host").kind == "host"


def test_a_reaction_inherits_rules_and_may_replace_one() -> None:
    class _Base(Reaction):
        @reacts(Left)
        def leave(self, _: Event[Left]) -> Effect:
            return PING

    class Loud(_Base):
        name: ClassVar[str] = "loud"

        @reacts(Left)
        def leave(self, _: Event[Left]) -> Effect:
            return Message("shouts", {})

        @reacts(Came, CameLate)
        def come(self, _: Event[Came]) -> Effect:
            return PING

    class Quiet(_Base):
        name: ClassVar[str] = "quiet"

    assert Loud().react(happened(Left())) == (Message("shouts", {}),)
    assert Loud().react(happened(CameLate())) == (PING,)
    assert Quiet().react(happened(Left())) == (PING,)
    assert Quiet().react(happened(CameLate())) == ()
    assert Loud.handles() == {Left, Came, CameLate, *OWN_EVENTS}
    assert Quiet.handles() == {Left, *OWN_EVENTS}


def test_the_key_is_the_aggregates_id_or_a_field_of_the_payload() -> None:
    here = make(came=by(reacts(Came, CameLate)), keys={Came: "place", CameLate: "number"})
    assert here.key_of(happened(Left(), "guest-1")) == "guest-1"
    assert here.key_of(happened(Came(place="hall"), "guest-1")) == "hall"
    assert here.key_of(happened(CameLate(), "guest-1")) == "0", "a key of another type is its text"
    assert [here.has_key_in_payload(happened(each)) for each in (Left(), Came(), CameLate())] == [False, True, True]


@pytest.mark.parametrize("place", [None, ""])
def test_an_event_whose_payload_has_no_key_is_refused(place: str | None) -> None:
    here = make("Here", came=by(reacts(Came, CameLate)), keys={Came: "place"})
    with pytest.raises(DefinitionError, match="Reaction Here: the Came has no place, its key"):
        here.key_of(happened(Came(place=place)))


def test_the_key_in_its_own_stream_is_the_streams() -> None:
    """A timer's event is stored under the reaction's key; a field of that name would lead elsewhere."""
    here = make("Here", came=by(reacts(Came, CameLate)), keys={Came: "place"})
    own = happened(Came(place="hall"), "garden", "Here")
    assert here.key_of(own) == "garden"
    assert not here.has_key_in_payload(own)


def test_of_what_acci_stores_for_reactions_only_its_own_concerns_it() -> None:
    no = CommandRefused(command="PrintLabel", reason="no.", position=1, ordinal=0)
    fired = TimerFired(name="overdue", kind="message", topic="parcels", content={})
    for own in (no, fired):
        assert Tracking.concerns(happened(own, aggregate_type="Tracking"))
        assert not Announcement.concerns(happened(own, aggregate_type="Tracking"))
    assert Tracking.concerns(happened(ParcelOverdue(), aggregate_type="Chaser")), "a domain's events are everybody's"


def test_a_refusal_is_decided_on_by_the_method_for_that_command() -> None:
    other = CommandRefused(command="Open", reason="no.", position=1, ordinal=0)
    mine = CommandRefused(command="PrintLabel", reason="no.", position=1, ordinal=0)
    assert Tracking().react(happened(other)) == ()
    cancelled, message = Tracking().react(happened(mine))
    assert cancelled == Cancel("overdue")
    assert message == Message("parcels", {"refused": "no.", "steps": 0})


@pytest.mark.parametrize(
    ("returned", "effects"),
    [
        (None, ()),
        ([], ()),
        (PING, (PING,)),
        ([PING, Cancel("a")], (PING, Cancel("a"))),
        ((Send(Open(door="1")),), (Send(Open(door="1")),)),
    ],
)
def test_an_effect_several_or_none_may_be_returned(returned: Any, effects: tuple[Effect, ...]) -> None:
    reaction = make(leave=reacts(Left)(lambda *_: returned))
    assert reaction().react(happened(Left())) == effects


@pytest.mark.parametrize(
    "returned", ["message", PING.payload, 0, [None], [PING, "x"], [[PING]], Open(door="1"), {PING.topic}]
)
def test_anything_else_that_is_returned_is_refused(returned: Any) -> None:
    reaction = make(leave=reacts(Left)(lambda *_: returned))
    with pytest.raises(DefinitionError, match=r"Reaction Wrong: it decided .* no effect"):
        reaction().react(happened(Left()))


def test_a_context_wants_a_name_and_a_state_that_can_be_stored() -> None:
    unnamed = make(name=None)
    with pytest.raises(DefinitionError, match="Reaction Wrong: give it a name, by which it is known for good"):
        Context("t", Path(), events=(Left,), reactions=(unnamed,))
    hidden = make(
        stay=by(evolves(Left)), steps=Field(default=0, exclude=True), annotations={"steps": int}
    )  # fmt: skip
    with pytest.raises(DefinitionError, match=r"Wrong\.steps: it is stored under its own name"):
        Context("t", Path(), events=(Left,), reactions=(hidden,))


def test_names_are_unique_and_not_those_of_aggregates_or_of_acci() -> None:
    def context(name: str, *reactions: type[Reaction], **more: Any) -> Context:
        return Context(name, Path(), **{"events": (), **more}, reactions=reactions)

    def own(event: str) -> type[EventData]:
        return type(event, (EventData,), {"__module__": __name__})

    class Guest(Aggregate):
        @decides(Open)
        def open(self, command: Command[Open]) -> None:
            """Nothing happens."""

    with pytest.raises(DefinitionError, match="Context b: its reaction wrong exists in another"):
        Catalogue((context("a", make("First")), context("b", make("Second"))))
    with pytest.raises(DefinitionError, match="Context b: its reaction class Wrong exists in another"):
        Catalogue((context("a", make()), context("b", make(name="other"))))
    with pytest.raises(DefinitionError, match="The reaction Guest: an aggregate has that name too; rename one"):
        Catalogue((context("a", aggregates=(Guest,)), context("b", make("Guest"))))
    for taken in ("TimerFired", "CommandRefused"):
        with pytest.raises(DefinitionError, match=f"The event {taken}: that name is ACCI's own; give it another"):
            Catalogue((context("a", events=(own(taken),)),))


def test_the_catalogue_has_reactions_by_name_and_the_events_that_acci_stores_for_them() -> None:
    found = Catalogue((SHIPPING,))
    assert found.reaction("tracking") is Tracking
    assert found.stored["TimerFired"] is TimerFired
    assert "TimerFired" not in found.events, "no domain has declared it"
    with pytest.raises(UnknownName, match="no reaction named 'trackin'"):
        found.reaction("trackin")
