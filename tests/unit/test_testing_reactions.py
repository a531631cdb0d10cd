"""The testing kit for reactions: without a database, by the code that decides in production."""

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from acci import (
    After,
    Cancel,
    CommandRefused,
    Context,
    DefinitionError,
    Event,
    EventData,
    Happened,
    InvalidCommand,
    Message,
    Personal,
    Reaction,
    RecordedEvent,
    Send,
    StartFlow,
    evolves,
    given,
    reacts,
    refused,
)
from acci.domain.effects import Effect
from acci.domain.errors import UnknownName
from acci.domain.reactions import TimerFired
from acci.store.values.storable import Unstorable
from tests.domains.shipping import (
    Announcement,
    Chaser,
    LabelPrinted,
    ParcelArrived,
    ParcelOverdue,
    ParcelSent,
    PrintLabel,
    Tracking,
)


class Asked(EventData):
    what: str
    by: Personal[str] = "ann"


class Waited(EventData):
    pass


class Lost(EventData):
    pass


TICKS = count()


class Answer(Reaction):
    """Answers with what is asked for, in the ways that the tests are about."""

    name: ClassVar[str] = "answer"

    @refused(PrintLabel)
    def give_up(self, event: RecordedEvent[CommandRefused]) -> Message:
        return Message("mail", {"no": event.data.reason})

    @reacts(Asked)
    def answer(self, event: RecordedEvent[Asked]) -> Any:
        return {
            "label": [After(timedelta(hours=1), Send(PrintLabel(label="l", parcel="p")), "later")],
            "mail": [After(event.recorded_at + timedelta(days=1), Message("mail", {"to": event.data.by}), "later")],
            "invalid": Send(PrintLabel(label="l" * 501, parcel="p")),
            "whatever": Message("mail", {"tick": next(TICKS)}),
            "unstorable": Message("mail", {"what": "\0"}),
            "lost": After(timedelta(0), Lost(), "lost"),
            "wrong": "mail",
            "flow": StartFlow("report/daily", {"of": event.aggregate_id}),
        }[event.data.what]


class Patience(Reaction):
    """Counts what each person has waited for, by a key in the payload."""

    name: ClassVar[str] = "patience"
    keys: ClassVar = {Asked: "what"}

    asked: int = 0
    waited: int = 0

    @evolves(Asked)
    def add(self, _: Event[Asked]) -> Self:
        return self.changed(asked=self.asked + 1)

    @evolves(Waited)
    def wait(self, _: Event[Waited]) -> Self:
        return self.changed(waited=self.waited + 1)

    @reacts(Asked)
    def remind(self, _: RecordedEvent[Asked]) -> After:
        return After(timedelta(minutes=self.asked), Waited(), "again")

    @reacts(Waited)
    def again(self, event: RecordedEvent[Waited]) -> list[Effect]:
        at = event.recorded_at.isoformat()
        return [Message("waits", {"asked": self.asked, "waited": self.waited, "at": at, "of": event.aggregate_id})]


CONTEXT = Context("questions", Path(), events=(Asked, Waited), reactions=(Answer, Patience))
SENT = ParcelSent(to="ann", weight=2)
LABEL = Send(PrintLabel(label="label-1", parcel="1"))


def asked(what: str) -> EventData:
    return Asked(what=what)


def test_what_a_stateless_reaction_decides() -> None:
    given().when(SENT, reaction=Announcement).then(Message("parcels", {"parcel": "1", "price": 50}))
    given().when(Happened(SENT, aggregate_id="2"), reaction=Announcement).then(
        Message("parcels", {"parcel": "2", "price": 50})
    )


def test_the_only_reaction_to_an_event_need_not_be_named() -> None:
    given(SENT).when(ParcelArrived()).then(Cancel("overdue"), Message("parcels", {"arrived": "1", "steps": 2}))


def test_one_of_several_must_be_named() -> None:
    with pytest.raises(
        DefinitionError, match=r"Sent: Announcement and Chaser and Tracking could be meant; .*reaction=…"
    ):
        given().when(SENT)
    with pytest.raises(DefinitionError, match="Lost: no reaction of their contexts could be meant"):
        given().when(Lost())


def test_the_state_is_folded_from_the_events_of_the_key_and_from_the_event_itself() -> None:
    elsewhere = Happened(SENT, aggregate_id="2"), Happened(SENT, tenant_id="other")
    labelled = Happened(LabelPrinted(parcel="1"), aggregate_id="label-1")
    reacted = given(SENT, *elsewhere, labelled).when(ParcelArrived())
    assert reacted.state == Tracking(steps=3, labelled=True)
    reacted.then(Cancel("overdue"), Message("parcels", {"arrived": "1", "steps": 3}))


def test_nothing_follows() -> None:
    given(SENT).when(LabelPrinted(parcel="1"), reaction=Tracking).nothing()


def test_an_event_that_the_reaction_does_not_handle_is_no_test() -> None:
    with pytest.raises(DefinitionError, match="Reaction Announcement: it does not handle this ParcelArrived"):
        given().when(ParcelArrived(), reaction=Announcement)


def test_a_timer_fires_as_the_event_that_was_set() -> None:
    reacted = given(SENT).when_fired("overdue", reaction=Tracking)
    reacted.then(Message("parcels", {"overdue": "1", "labelled": False}))
    assert reacted.state.steps == 2
    assert reacted.event.stream == ("test", "Tracking", "1")
    assert reacted.event.timestamp == datetime(2024, 1, 4, 0, 1, tzinfo=UTC)
    assert reacted.event.metadata.correlation_id == "request-1"
    given(SENT).when_fired("overdue", reaction=Chaser).then(Message("parcels", {"chased": "1"}))


def test_a_timer_fires_as_the_effect_that_was_set() -> None:
    given(asked("label")).when_fired("later", reaction=Answer).then(Send(PrintLabel(label="l", parcel="p")))
    reacted = given(asked("mail")).when_fired("later", reaction=Answer).then(Message("mail", {"to": "ann"}))
    assert isinstance(reacted.event.data, TimerFired)
    assert reacted.event.data.person == "1"


def test_a_timer_that_is_set_again_replaces_the_one_before() -> None:
    later = given(asked("a"), asked("a")).when_fired("again", reaction=Patience)
    later.then(Message("waits", {"asked": 2, "waited": 1, "at": "2024-01-01T00:04:00+00:00", "of": "a"}))


def test_a_timer_that_is_due_fires_after_all_that_happened() -> None:
    late = Happened(asked("b"), timestamp=datetime(2024, 1, 1, 12, tzinfo=UTC))
    reacted = given(asked("a"), late).when_fired("again", reaction=Patience, key="a")
    assert reacted.event.timestamp == datetime(2024, 1, 1, 0, 2, tzinfo=UTC)
    assert reacted.event.recorded_at == datetime(2024, 1, 1, 12, tzinfo=UTC)


def test_a_timer_that_does_not_wait_cannot_fire() -> None:
    with pytest.raises(AssertionError, match=r"Tracking has no timer 'overdue' that could fire\. Waiting: nothing"):
        given(SENT, ParcelArrived()).when_fired("overdue", reaction=Tracking)
    with pytest.raises(AssertionError, match=r"no timer 'due' of key '1' .* Waiting:\n  overdue of key '1'"):
        given(SENT).when_fired("due", reaction=Tracking, key="1")
    with pytest.raises(DefinitionError, match=r"several keys have a timer 'again': 'a', 'b'\. .* key=…"):
        given(asked("a"), asked("b")).when_fired("again", reaction=Patience)


def test_a_refused_command() -> None:
    reacted = given(SENT).when_refused(PrintLabel, "no paper.")
    reacted.then(Cancel("overdue"), Message("parcels", {"refused": "no paper.", "steps": 2}))
    assert reacted.event.stream == ("test", "Tracking", "1")
    assert reacted.event.metadata.user_id == "reaction:tracking"
    sent = given(SENT).events[0]
    assert reacted.event.data == CommandRefused(
        command="PrintLabel", reason="no paper.", position=sent.position, ordinal=0
    )


def test_a_command_that_a_timer_sends_can_be_refused_too() -> None:
    given(asked("label")).when_refused(PrintLabel, "no paper.", reaction=Answer).then(
        Message("mail", {"no": "no paper."})
    )


def test_a_refusal_in_the_history_counts() -> None:
    refusal = CommandRefused(command="PrintLabel", reason="no paper.", position=1, ordinal=0)
    assert given(SENT, refusal).when(ParcelArrived()).state.steps == 3


def test_what_was_not_sent_or_is_not_told_cannot_be_refused() -> None:
    with pytest.raises(AssertionError, match="Tracking has sent no PrintLabel that could be refused"):
        given(ParcelArrived()).when_refused(PrintLabel, "no paper.")
    with pytest.raises(DefinitionError, match=r"Chaser: it is not told that a PrintLabel was refused: mark .*@refused"):
        given(SENT).when_refused(PrintLabel, "no paper.", reaction=Chaser)
    several = given(SENT, Happened(SENT, aggregate_id="2"))
    with pytest.raises(DefinitionError, match=r"several keys have sent a PrintLabel: '1', '2'"):
        several.when_refused(PrintLabel, "no paper.")
    several.when_refused(PrintLabel, "no paper.", key="2").then(
        Cancel("overdue"), Message("parcels", {"refused": "no paper.", "steps": 2})
    )


def test_other_effects_are_shown_as_a_difference() -> None:
    with pytest.raises(AssertionError) as caught:
        given().when(SENT, reaction=Tracking).then(LABEL, Cancel("overdue"))
    lines = str(caught.value).split("\n")
    assert lines[:2] == [
        "Tracking on ParcelSent(to='ann', weight=2) decided otherwise (- expected, + decided):",
        "    Send(command=PrintLabel(label='label-1', parcel='1'))",
    ]
    assert lines[2] == "  - Cancel(name='overdue')"
    assert lines[3].startswith("  + After(due=datetime.timedelta(days=3), what=ParcelOverdue()")
    with pytest.raises(AssertionError, match=r"was to decide nothing\. It decided:\n  Message\("):
        given().when(SENT, reaction=Announcement).nothing()
    with pytest.raises(AssertionError, match=r"\n  - Send"):
        given(SENT).when(ParcelOverdue(), reaction=Chaser).then(LABEL)


def test_effects_and_state_are_there_for_assertions_of_ones_own() -> None:
    reacted = given().when(asked("flow"), reaction=Answer)
    assert reacted.effects == (StartFlow("report/daily", {"of": "1"}),)
    assert reacted.then(*reacted.effects) is reacted


def test_what_the_reaction_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        given().when(ParcelSent(to="ann", weight=0), reaction=Announcement)
    with pytest.raises(DefinitionError, match="it decided 'mail', which is no effect"):
        given().when(asked("wrong"), reaction=Answer)


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("invalid", InvalidCommand, "label"),
        ("unstorable", Unstorable, "message to mail"),
        ("lost", DefinitionError, "Lost: no CONTEXT above its module has it; register it"),
        ("whatever", DefinitionError, "it decides otherwise on the same Asked. Take times and ids from the event"),
    ],
)
def test_what_could_not_be_stored_or_sent_is_no_answer(what: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        given().when(asked(what), reaction=Answer)


def test_an_event_or_a_reaction_that_no_context_registers_is_no_answer() -> None:
    class Unregistered(Reaction):
        name: ClassVar[str] = "unregistered"

        @reacts(Lost)
        def lose(self, _: RecordedEvent[Lost]) -> None:
            return None

    with pytest.raises(DefinitionError, match="Unregistered: no CONTEXT above its module has it; register it"):
        given().when(Lost(), reaction=Unregistered)
    with pytest.raises((DefinitionError, UnknownName), match="Lost"):
        given(Lost()).when(Lost())
