"""Every error is a sentence, and survives the way between processes."""

import importlib
import pickle
import pkgutil
import types
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import domain
import store
from domain.errors import (
    AcciError,
    ConcurrencyError,
    DefinitionError,
    InvalidCommand,
    ProjectionError,
    Refused,
    UnknownName,
    UnknownNumber,
)
from store.appending import MisplacedEvent, StreamChanged
from store.bulk import BulkRefused
from store.database import DatabaseUnreachable
from store.idempotency import CommandReused
from store.loading import UnreadableEvent
from store.moments import WrongMoment
from store.payloads import PayloadTooLarge, Unstorable
from store.projecting.as_of import NotApplicable
from store.waiting import NotThereYet

FLOWS = ("flows.local.api", "flows.local.running")  # those that import nothing heavy


def classes() -> list[type[AcciError]]:
    for package in (domain, store):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    for name in FLOWS:
        importlib.import_module(name)

    def below(kind: type[AcciError]) -> Iterator[type[AcciError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return sorted(
        {kind for kind in below(AcciError) if not kind.__module__.startswith("tests")}, key=lambda k: k.__name__
    )


def example(kind: Any) -> Any:
    """Some value of an annotation."""
    if get_origin(kind) is types.UnionType:
        return example(get_args(kind)[0])
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return tuple(example(part) for part in parts if part is not ...)
    return {str: "something.", int: 7, float: 1.5, bool: True, Path: Path("some/file")}[kind]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_it_is_a_sentence_and_survives_pickling(kind: type[AcciError]) -> None:
    hints = get_type_hints(kind)
    error = kind(*(example(hints[field.name]) for field in fields(kind)))
    assert "." in str(error).splitlines()[0]
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 our own
    assert (type(back), back.args, str(back), back.transient) == (kind, error.args, str(error), error.transient)
    assert repr(back).startswith(kind.__name__ + "(")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DefinitionError("Event X", "it has no name."), "Event X: it has no name."),
        (ProjectionError("View.rule", "no."), "View.rule: no."),
        (
            UnknownName("command", "Crate", ("Create", "Bin")),
            "There is no command named 'Crate'. Known: Bin, Create.",
        ),
        (
            UnknownName("query", "q", ()),
            "There is no query named 'q'. Is its domain named in ACCI_CONTEXTS?",
        ),
        (UnknownNumber("dead letter", 7, (9, 8)), "There is no dead letter 7. Known: 8, 9."),
        (UnknownNumber("generation", 7, ()), "There is no generation 7."),
        (
            InvalidCommand("Create", (("name", "is empty"), ("address.city", "field required"))),
            "Create is not valid: name: is empty; address.city: field required. Correct it and send it again.",
        ),
        (Refused("Create", "u1", "it is there."), "Create was refused for 'u1': it is there."),
        (
            ConcurrencyError("u1", 2, 3),
            "'u1' is at version 3, not at the expected 2. Load it again and decide again.",
        ),
        (
            ConcurrencyError("u1", 2, 2),
            "'u1' is at version 2, but not as it was decided on. Load it again and decide again.",
        ),
        (
            StreamChanged("u1", 2, 3),
            "'u1' is at version 3, and had to stay at 2 for this change. Look at it again and decide again.",
        ),
        (
            MisplacedEvent("Paid", "a", "version 3 is next."),
            "Paid for 'a' does not belong there: version 3 is next.",
        ),
        (
            CommandReused("Pay", "1-2"),
            "Pay was not handled: another command with the id 1-2 was handled before. Send it with an id of its own.",
        ),
        (
            PayloadTooLarge("Paid", "a", 2_000_000, 1_000_000),
            (
                "The payload of Paid for 'a' is 2,000,000 bytes, more than the limit of 1,000,000. "
                "Keep large content elsewhere and put its address into the event."
            ),
        ),
        (
            Unstorable("The stream", "aggregate_id", "is empty."),
            "The stream cannot be stored: aggregate_id is empty.",
        ),
        (
            UnreadableEvent("Paid", "a", 4, "amount: field required."),
            (
                "Paid, version 4 of 'a', cannot be read: amount: field required. "
                "Declare an upcaster for it; until then its aggregate decides nothing."
            ),
        ),
        (
            BulkRefused("version 3 exists."),
            "Nothing was stored: version 3 exists. Correct the events and append them again.",
        ),
        (
            NotThereYet("user_view", 70, 20, 1.5),
            (
                "user_view is at position 20 and has not come to position 70 within 1.5 s. "
                "Run `acci run catch-up user_view`, or wait longer."
            ),
        ),
        (
            NotThereYet("user_view", 70, None, 2),
            (
                "user_view is not published yet and has not come to position 70 within 2 s. "
                "If `acci status` lists it, run `acci run rebuild user_view`, or wait longer."
            ),
        ),
        (
            NotApplicable("user_view", 7, "it has no data.email", False),
            (
                "user_view cannot be shown: the event at position 7 cannot be applied: it has no data.email. "
                "Run `acci run catch-up user_view`, which makes it a dead letter, so that only its rows are missing "
                "(see `acci dead-letters list`); or ask for a position below 7."
            ),
        ),
        (
            NotApplicable("user_view", 7, "too large", True),
            (
                "user_view cannot be shown: the event at position 7 cannot be applied: too large. "
                "Ask for another moment, or for a position alone; `acci run audit` tells if it still can be."
            ),
        ),
        (
            WrongMoment("noon"),
            (
                "'noon' is no moment with a time zone in the years 1 to 9999 of UTC; "
                "write it as 2026-01-31T09:00:00Z or 2026-01-31T10:00+01:00."
            ),
        ),
        (
            DatabaseUnreachable("h:1/d", "connection refused"),
            (
                "The database at h:1/d cannot be reached: connection refused. "
                "Start it with `make up`, or correct ACCI_DATABASE_URL."
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AcciError) else "",
)
def test_the_sentence_says_what_happened_and_what_to_do(error: AcciError, sentence: str) -> None:
    assert str(error) == sentence
