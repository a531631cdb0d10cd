"""Effects: what is refused when one is made, the digest of a decision, and its content there and back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acci.domain.effects import After, Cancel, Effect, Message, Send, StartFlow
from acci.domain.errors import DefinitionError, UnknownName
from acci.store.reacting.contents import CONTENT_LIMIT, EVENT, content_of, effect_of
from acci.store.reacting.effect_rows import contents_of, digest_of
from acci.store.registry import Catalogue
from acci.store.values.storable import Unstorable
from tests.domains.shipping import CONTEXT, ParcelOverdue, ParcelSent, PrintLabel

CATALOGUE = Catalogue((CONTEXT,))
PING = Message("pings", {})
HOUR = timedelta(hours=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

WRONG: list[tuple[Any, str]] = [
    (lambda: Send("PrintLabel"), "Send: 'PrintLabel' is no command"),  # type: ignore[arg-type]
    (lambda: Send(PrintLabel), "is no command"),  # type: ignore[arg-type]
    (lambda: Message("", {}), "Message: its topic '' is not a text of 1 to 500 bytes"),
    (lambda: Message("é" * 251, {}), "is not a text of 1 to 500 bytes"),
    (lambda: Message(7, {}), "its topic 7 is not a text"),  # type: ignore[arg-type]
    (lambda: Message("a\nb", {}), "has characters that cannot be shown"),
    (lambda: Message("a\0", {}), "has characters that cannot be shown"),
    (lambda: Message("\ud800", {}), "has characters that cannot be shown"),
    (lambda: Message("mail", [1]), "Message: its payload is no JSON object: give a dict"),  # type: ignore[arg-type]
    (lambda: Message("mail", {1: "a"}), "its payload is no JSON object"),  # type: ignore[dict-item]
    (lambda: Message("mail", {}, key=""), "its key '' is not a text"),
    (lambda: Message("mail", {}, headers=[]), "its headers is no JSON object"),  # type: ignore[arg-type]
    (lambda: Message("mail", {}, headers={"a b": "c"}), "its header 'a b' is not a name with a text"),
    (lambda: Message("mail", {}, headers={"": "c"}), "its header '' is not a name"),
    (lambda: Message("mail", {}, headers={"a": 1}), "its header 'a' is not a name with a text"),  # type: ignore[dict-item]
    (lambda: Message("mail", {}, headers={"a": "b\r\nc: d"}), "its header a has a line break in it"),
    (lambda: StartFlow("", {}), "StartFlow: its deployment '' is not a text"),
    (lambda: StartFlow("a/b", []), "StartFlow: its parameters is no JSON object"),  # type: ignore[arg-type]
    (lambda: After(HOUR, PING, ""), "After: its name '' is not a text"),
    (lambda: After(HOUR, Cancel("a"), "a"), "After a: .* is neither an event nor an effect"),  # type: ignore[arg-type]
    (lambda: After(HOUR, After(HOUR, PING, "b"), "a"), "is neither an event nor an effect"),  # type: ignore[arg-type]
    (lambda: After(3600, PING, "a"), "After a: 3600 is neither a timedelta nor a datetime"),  # type: ignore[arg-type]
    (lambda: After(NOON.replace(tzinfo=None), PING, "a"), "After a: its moment has no time zone"),
    (lambda: Cancel(""), "Cancel: its name '' is not a text"),
]


@pytest.mark.parametrize(("made", "reason"), WRONG, ids=[reason[:50] for _, reason in WRONG])
def test_what_cannot_be_stored_or_sent_is_refused_when_it_is_made(made: Any, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        made()


def test_a_timer_is_due_from_when_its_event_was_recorded_or_at_a_moment() -> None:
    assert After(HOUR, PING, "a").moment(NOON) == NOON + HOUR
    assert After(-HOUR, PING, "a").moment(NOON) == NOON - HOUR
    assert After(NOON, PING, "a").moment(datetime.now(UTC)) == NOON
    for never in (timedelta.max, timedelta.min):
        with pytest.raises(DefinitionError, match="After a: it would be due beyond the year 9999"):
            After(never, PING, "a").moment(NOON)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
names = st.text('ab {}:,"\\message', min_size=1, max_size=12)  # what a digest could take for its own marks
plain = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts
payloads = st.dictionaries(texts, st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
headers = st.dictionaries(st.text("ab-", min_size=1), st.text("ab ,"), max_size=2)
deliverable = (
    st.builds(Message, names, payloads, st.none() | names, headers)
    | st.builds(StartFlow, names, payloads)
    | st.builds(Send, st.builds(PrintLabel, label=texts, parcel=texts))
)
moments = st.timedeltas() | st.datetimes(timezones=st.just(UTC))
events = st.just(ParcelOverdue()) | st.builds(ParcelSent, to=texts, weight=st.integers())
effects = deliverable | st.builds(After, moments, deliverable | events, names) | st.builds(Cancel, names)
decisions = st.lists(effects, max_size=3)


def digest(decision: Sequence[Effect]) -> bytes:
    return digest_of(decision, contents_of(decision))


def spelled(decision: Sequence[Effect]) -> str:
    """Apart where JSON would be, unlike ==: True is 1, and dicts have no order."""
    return repr([(type(each), vars_of(each)) for each in decision])


def vars_of(effect: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(effect, name)) for name in effect.__slots__]


@given(decisions, decisions)
def test_decisions_have_one_digest_only_if_they_are_the_same(one: list[Effect], other: list[Effect]) -> None:
    assert digest(one) == digest([_again(each) for each in one])
    assert (digest(one) == digest(other)) == (spelled(one) == spelled(other))


@given(names, names, names, payloads)
def test_where_a_name_ends_and_a_topic_begins_is_in_the_digest(a: str, b: str, c: str, payload: dict[str, Any]) -> None:
    assume(b != c or a != b)
    one = After(HOUR, Message(f"{b} message {c}", payload), a)
    other = After(HOUR, Message(c, payload), f"{a} message {b}")
    assert digest([one]) != digest([other])


def test_a_moment_is_the_same_in_every_zone_and_to_the_microsecond() -> None:
    abroad = NOON.astimezone(timezone(timedelta(hours=5)))
    assert digest([After(abroad, PING, "a")]) == digest([After(NOON, PING, "a")])
    longest = timedelta(days=999_999_999)
    assert digest([After(longest, PING, "a")]) != digest([After(longest + timedelta(microseconds=1), PING, "a")])


@given(deliverable)
def test_what_is_stored_of_an_effect_gives_it_again(effect: Message | StartFlow | Send) -> None:
    kind, topic, text = content_of(effect)
    assert effect_of(CATALOGUE, kind, topic, json.loads(text)) == effect


def test_an_event_is_stored_as_its_payload() -> None:
    assert content_of(ParcelSent(to="ann", weight=2)) == (EVENT, "ParcelSent", '{"to":"ann","weight":2}')


def test_a_command_that_is_gone_or_has_changed_is_told() -> None:
    with pytest.raises(UnknownName, match="no command named 'Gone'"):
        effect_of(CATALOGUE, "command", "Gone", {"data": {}})
    with pytest.raises(ValueError, match="parcel"):
        effect_of(CATALOGUE, "command", "PrintLabel", {"data": {"label": "x"}})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"a": object()}, "The message to mail cannot be stored: its content has no JSON form"),
        ({"a": "\ud800"}, "has no JSON form"),
        ({"a": {"b": ["x\0"]}}, r"The message to mail cannot be stored: payload\.a\.b\.0 holds a NUL character"),
        ({"a": "x" * CONTENT_LIMIT}, "the limit is 1,000,000. Keep it elsewhere, and send its address"),
        ({"a": "é" * (CONTENT_LIMIT // 2)}, "the limit is 1,000,000"),
    ],
)
def test_what_has_no_json_form_or_is_too_large_is_refused(payload: dict[str, Any], reason: str) -> None:
    for effect in (Message("mail", payload), After(HOUR, Message("mail", payload), "later")):
        with pytest.raises(Unstorable, match=reason):
            contents_of([effect])


def test_a_payload_that_contains_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(Unstorable, match="has no JSON form"):
        content_of(StartFlow("a/b", endless))


def test_a_backslash_before_u0000_is_no_nul() -> None:
    text = "\\u0000"
    assert content_of(Message("mail", {"a": text})).text == '{"payload":{"a":"\\\\u0000"},"headers":{}}'


def _again(effect: Effect) -> Effect:
    """Another object with equal content."""
    if isinstance(effect, After) and not isinstance(effect.what, ParcelOverdue | ParcelSent):
        return replace(effect, what=replace(effect.what))
    return replace(effect)
