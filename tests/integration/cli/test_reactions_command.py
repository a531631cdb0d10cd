"""`acci reactions` as a shell sees it."""

import json
from typing import Any

import pytest

from acci.store.log import high_water
from acci.store.postgres.database import connect
from acci.store.reacting.batches import Batcher
from acci.store.reacting.registrations import register
from acci.store.registry import load
from tests.domains.shipping import Announcement, Tracking
from tests.support.parcels import arrived, sent
from tests.support.shell import acci, refusal


@pytest.fixture
def shop(database_url: str) -> dict[str, str]:
    """Parcels: a is sent and arrives, b weighs nothing and cannot be announced, then c is sent, and b again."""
    catalogue = load(["tests.domains.shipping"])
    with connect(database_url, "test") as connection:
        for reaction in (Announcement, Tracking):
            register(connection, reaction)
        sent(connection, "a")
        arrived(connection, "a")
        sent(connection, "b", 0)
        sent(connection, "c")
        sent(connection, "b")
        bound = high_water.establish(connection).position
        for reaction in (Announcement, Tracking):
            Batcher(connection, catalogue, reaction).decide(bound)
    return {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.shipping"}


def shown(shop: dict[str, str], *arguments: str) -> Any:
    done = acci("reactions", *arguments, "--json", **shop)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def said(shop: dict[str, str], *arguments: str, code: int = 0, answer: str = "") -> str:
    done = acci("reactions", *arguments, input=answer, **shop)
    assert done.returncode == code, done.stderr
    return done.stdout


def counted(shop: dict[str, str]) -> tuple[int, ...]:
    with connect(shop["ACCI_DATABASE_URL"], "test") as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM acci.rewinds), (SELECT count(*) FROM acci.outbox), (SELECT sum(checkpoint)"
            " FROM acci.reactions)::integer, (SELECT count(*) FROM acci.timers)"
        ).fetchone()
    return tuple(row or ())


def test_reactions_are_listed_paused_and_resumed(shop: dict[str, str]) -> None:
    found = {each["reaction"]: each for each in shown(shop, "list")}
    announcement = found["announcement"]
    assert (announcement["state"], announcement["checkpoint"], announcement["dead_letters"]) == ("runs", 5, 1)
    assert found["tracking"]["pending"] == 5
    assert "announcement is paused" not in said(shop, "list")
    assert said(shop, "pause", "tracking", "--reason", "we look at it") == "tracking is paused.\n"
    assert "was paused already" in said(shop, "pause", "tracking", "--reason", "again")
    assert shown(shop, "show", "tracking")["reason"] == "we look at it"
    assert ": we look at it" in said(shop, "list")
    assert said(shop, "resume", "tracking") == "tracking goes on after position 5.\n"
    assert shown(shop, "show", "tracking")["state"] == "runs"
    assert "needs a reason" in refusal(acci("reactions", "pause", "tracking", "--reason", " ", **shop))
    assert "has never run here" in refusal(acci("reactions", "pause", "never", "--reason", "so", **shop))


@pytest.mark.parametrize(
    ("begin", "position"), [("head", 1), ("beginning", 0), ("1", 1), ("2020-01-01T00:00:00Z", 0), (None, 1)]
)
def test_a_reaction_is_registered_where_one_says(database_url: str, begin: str | None, position: int) -> None:
    shop = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.shipping"}
    with connect(database_url, "test") as connection:
        sent(connection, "a")
    given = [] if begin is None else ["--from", begin]
    assert shown(shop, "register", "tracking", *given) == {
        "reaction": "tracking", "begins": position, "checkpoint": position, "new": True
    }  # fmt: skip
    assert "has begun already" in said(shop, "register", "tracking", "--from", "beginning")


def test_a_start_that_is_none_is_refused(shop: dict[str, str]) -> None:
    assert "is no moment with a time zone" in refusal(acci("reactions", "register", "tracking", "--from", "x", **shop))
    assert "the log ends at 5" in refusal(acci("reactions", "register", "tracking", "--from", "6", **shop))
    assert acci("reactions", "simulate", "tracking", "--since", "9" * 19, **shop).returncode == 2
    assert "There is no reaction named 'no'" in refusal(acci("reactions", "register", "no", **shop))


def test_a_rewind_shows_what_it_would_send_and_asks(shop: dict[str, str]) -> None:
    before = counted(shop)
    plan = said(shop, "rewind", "tracking", "--to", "1", "--dry-run")
    assert "tracking, back from position 5 to 1: 4 events." in plan
    assert "3 times command PrintLabel" in plan
    assert "1 times message parcels" in plan
    assert "timers: 2 set, 0 of them due at once; 2 dropped" in plan
    assert "5 effects decided before are still to be delivered" in plan
    asked = said(shop, "rewind", "tracking", "--to", "1", "--reason", "so", answer="n\n", code=1)
    assert "Nothing was changed." in asked
    said(shop, "rewind", "tracking", "--to", "1", "--reason", "so", code=1)
    assert "needs a reason" in refusal(acci("reactions", "rewind", "tracking", "--to", "1", "--yes", **shop))
    assert acci("reactions", "rewind", "tracking", "--to", "1", "--reason", "so", "--json", **shop).returncode == 2
    assert shown(shop, "rewind", "tracking", "--to", "1", "--dry-run")["rewound"] is False
    assert counted(shop) == before

    done = said(shop, "rewind", "tracking", "--to", "1", "--reason", "the labels were lost", answer="y\n")
    assert "tracking was set back to position 1: rewind 1." in done
    assert shown(shop, "rewind", "tracking", "--to", "beginning", "--reason", "more", "--yes")["rewind"] == 2
    made = shown(shop, "show", "tracking")["rewinds"]
    assert [(each["rewind"], each["position"], each["reason"]) for each in made] == [
        (1, 1, "the labels were lost"), (2, 0, "more")
    ]  # fmt: skip
    assert "the labels were lost" in said(shop, "show", "tracking")
    beyond = refusal(acci("reactions", "rewind", "tracking", "--to", "5", "--reason", "so", "--yes", **shop))
    assert "has come to position 0, and not to 5 yet" in beyond


def test_a_simulation_changes_nothing(shop: dict[str, str]) -> None:
    before = counted(shop)
    found = shown(shop, "simulate", "tracking", "--since", "beginning")
    assert [(each["position"], len(each["effects"])) for each in found] == [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]
    text = said(shop, "simulate", "announcement", "--since", "beginning", "--limit", "3")
    assert 'message parcels {"payload": {"parcel": "a", "price": 100}, "headers": {}}' in text
    assert "a dead letter: integer division or modulo by zero" in text
    assert "… and more" in text
    assert said(shop, "simulate", "announcement", "--since", "head") == "It would decide on no event.\n"
    assert counted(shop) == before


def test_a_key_is_shown_now_and_as_it_was(shop: dict[str, str]) -> None:
    now = shown(shop, "show", "tracking", "a", "--tenant", "t")
    assert (now["state"], now["position"]) == ({"steps": 2, "labelled": False}, 5)
    assert [each["position"] for each in now["events"]] == [2, 1]
    then = shown(shop, "show", "tracking", "a", "--tenant", "t", "--position", "1")
    assert then["state"]["steps"] == 1
    long_ago = acci("reactions", "show", "tracking", "a", "--tenant", "t", "--as-of", "2020-01-01T00:00:00Z", **shop)
    assert (long_ago.returncode, long_ago.stdout, long_ago.stderr) == (0, "", "Nothing found.\n")
    text = said(shop, "show", "tracking", "b", "--tenant", "t")
    assert "timer overdue: event ParcelOverdue at" in text
    assert "pending" in text
    for wrong in ("a", "--tenant t", "--position 1", "a --tenant t --position 1 --as-of x"):
        assert acci("reactions", "show", "tracking", *wrong.split(), **shop).returncode == 2


def test_timers_are_listed(shop: dict[str, str]) -> None:
    found = shown(shop, "timers")
    assert [(each["reaction"], each["key"], each["name"]) for each in found] == [
        ("tracking", "c", "overdue"), ("tracking", "b", "overdue")
    ]  # fmt: skip
    assert [each["key"] for each in shown(shop, "timers", "tracking", "--key", "c", "--tenant", "t")] == ["c"]
    assert "event ParcelOverdue" in said(shop, "timers", "--limit", "1")
    assert said(shop, "timers", "announcement") == "No timer is set.\n"
    assert "There is no reaction named 'no'" in refusal(acci("reactions", "timers", "no", **shop))


def test_dead_letters_are_listed_shown_retried_and_discarded(shop: dict[str, str]) -> None:
    (found,) = shown(shop, "dead-letters", "list", "announcement", "--tenant", "t")
    assert (found["position"], found["ordinal"], found["key"], found["waiting"]) == (3, None, "b", 1)
    assert "event ParcelSent" in said(shop, "dead-letters", "list")
    assert shown(shop, "dead-letters", "show", "announcement", "3")["payload"] == {"to": "ann", "weight": 0}
    assert 'payload: {"to": "ann", "weight": 0}' in said(shop, "dead-letters", "show", "announcement", "3")
    assert "1 cannot be, 1 wait behind" in said(shop, "dead-letters", "retry", "announcement", "3", code=1)
    assert "has no dead letter 4. Its dead letters: 3." in refusal(
        acci("reactions", "dead-letters", "retry", "announcement", "4", **shop)
    )
    assert acci("reactions", "dead-letters", "retry", "announcement", "--ordinal", "1", **shop).returncode == 2
    blank = refusal(acci("reactions", "dead-letters", "discard", "announcement", "3", "--reason", "", **shop))
    assert "needs a reason" in blank

    done = said(shop, "dead-letters", "discard", "announcement", "3", "--reason", "a typo")
    assert "Dead letter 3 of announcement is discarded." in done
    assert "announcement: 1 events decided, 1 effects to deliver; 0 deliveries due again." in done
    assert said(shop, "dead-letters", "list").startswith("No dead letters")
    assert shown(shop, "dead-letters", "retry", "announcement")["decided"] == 0
    decided = shown(shop, "show", "announcement", "b", "--tenant", "t")["events"]
    assert [(each["position"], each["ended"]) for each in decided] == [(5, "decided"), (3, "discarded")]


def test_a_delivery_is_retried_and_discarded_by_its_ordinal(shop: dict[str, str]) -> None:
    with connect(shop["ACCI_DATABASE_URL"], "test") as connection:
        connection.execute("UPDATE acci.outbox_heads SET due = 'infinity', tries = 9, error = '503' WHERE key = 'c'")
    found = shown(shop, "dead-letters", "list", "announcement")
    assert [(each["position"], each["ordinal"]) for each in found] == [(3, None), (4, 0)]
    assert "4/0" in said(shop, "dead-letters", "list", "announcement")
    named = ["announcement", "4", "--ordinal", "0"]
    assert shown(shop, "dead-letters", "show", *named)["payload"]["payload"] == {"parcel": "c", "price": 100}
    assert shown(shop, "dead-letters", "retry", *named)["due"] == 1
    with connect(shop["ACCI_DATABASE_URL"], "test") as connection:
        connection.execute("UPDATE acci.outbox_heads SET due = 'infinity' WHERE key = 'c'")
    done = said(shop, "dead-letters", "discard", *named, "--reason", "too late")
    assert "Dead letter 4/0 of announcement is discarded." in done
