"""Errors in filling, reading and auditing read models, with their sentences."""

from acci.domain.errors import AcciError
from acci.store.auditing.checks import DoesNotFit, LeftOut
from acci.store.auditing.scope import KeyDoesNotFit
from acci.store.backfilling.backfill import Superseded
from acci.store.backfilling.new_columns import NotOnlyNewColumns
from acci.store.generations import rule_order
from acci.store.generations.dropping import StillLive
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.generations import Busy, CheckpointBeyondLog, NotBuilt
from acci.store.generations.live import BuildGone
from acci.store.generations.table_definition import TableAltered
from acci.store.generations.view import ColumnsInUse
from acci.store.projecting.canonical_keys import WrongKey
from acci.store.projecting.poison_events import TooManyDeadLetters
from acci.store.reacting.dead_letters import NoDeadLetter
from acci.store.reacting.retrying import NoReason
from acci.store.reacting.rewinding import NotDecidedYet
from acci.store.reading.as_of import NotApplicable, NotFinal
from acci.store.reading.queries import InvalidQuery, NotPublished
from acci.store.reading.waiting import NotThereYet
from acci.store.rebuilding.gate import GateClosed
from acci.store.rebuilding.publish import SwapBlocked
from acci.store.rebuilding.rollback import NothingKept, NotPutBack, OtherRules

SENTENCES: list[tuple[AcciError, str]] = [
    (
        NoDeadLetter("tracking", "17/0", ("3", "9/1")),
        "tracking has no dead letter 17/0. Its dead letters: 3, 9/1.",
    ),
    (NoDeadLetter("tracking", "17", ()), "tracking has no dead letter 17. It has none; nothing is to be done."),
    (NoReason("A rewind of tracking"), "A rewind of tracking needs a reason, which is kept with it. Say why."),
    (
        NotDecidedYet("tracking", 70, 20),
        "tracking has come to position 20, and not to 70 yet. Give a position up to that, or wait.",
    ),
    (
        NotThereYet("user_view", 70, 20, 1.5),
        (
            "user_view is at position 20 and has not come to position 70 within 1.5 s. Run `acci run catch-up "
            "user_view`, or wait longer."
        ),
    ),
    (
        NotThereYet("user_view", 70, None, 2),
        (
            "user_view is not published yet and has not come to position 70 within 2 s. If `acci status` "
            "lists it, run `acci run rebuild user_view`, or wait longer."
        ),
    ),
    (
        NotPutBack("user_view", 7, ("1 of 9 keys re-derived differ: t/ann (name).",)),
        (
            "Generation 7 of user_view was not put back, the live one stays: 1 of 9 keys re-derived differ: t/ann "
            "(name). Run `acci run rebuild user_view`, or roll back to another one; `acci generations drop 7` throws "
            "this one away."
        ),
    ),
    (
        rule_order.OlderRules("user_view", "2026-11-29 10:00"),
        (
            "user_view is live by newer rules than those of this program, first seen at 2026-11-29 10:00: nothing was "
            "built. Upgrade the program that runs here; or, if its older rules are meant, run `acci run rebuild "
            "user_view --allow-older-rules`."
        ),
    ),
    (
        StillLive("user_view", 7),
        (
            "Generation 7 of user_view is live and cannot be dropped. Publish another first: `acci run rebuild "
            "user_view`, or `acci run rollback user_view`."
        ),
    ),
    (
        InvalidQuery("search_users", (("limit", "should be positive"), ("", "no such parameter: q"))),
        (
            "The query search_users cannot be asked so: limit: should be positive; no such parameter: q. "
            "Correct it and ask again."
        ),
    ),
    (
        NotPublished("search_users", "user_view has never been built"),
        (
            "The query search_users cannot be answered yet: user_view has never been built. Fill the read "
            "model with `acci run catch-up` or `acci run rebuild`, and ask again."
        ),
    ),
    (
        NotBuilt("user_view"),
        "user_view has never been built. Run `acci run rebuild user_view`.",
    ),
    (
        Busy("user_view", "rebuild"),
        "Another rebuild of user_view is under way; this one left it alone. Wait for it to end.",
    ),
    (
        CheckpointBeyondLog("user_view", 70, 20),
        (
            "user_view has applied events up to position 70, but the log ends at 20: it was restored from an "
            "older backup. Run `acci run rebuild user_view`."
        ),
    ),
    (
        RebuildNeeded("user_view", ("the rule created changed", "the key changed")),
        (
            "user_view needs a rebuild: the rule created changed; the key changed. Its live rows stay as they "
            "are until then. Run `acci run rebuild user_view`."
        ),
    ),
    (
        TableAltered("user_view", ("column x is new",)),
        (
            "The table of user_view was altered by hand: column x is new. Nothing was applied. Put it back, or "
            "put the change into its SQL file and run `acci run rebuild user_view`."
        ),
    ),
    (
        NotOnlyNewColumns("user_view", ("the rule created changed",)),
        (
            "user_view cannot get its new columns by a backfill: the rule created changed. Run `acci run "
            "rebuild user_view`."
        ),
    ),
    (
        TooManyDeadLetters("user_view", 70, "division by zero"),
        (
            "user_view could not apply more than 1,000 events, the last at position 70 (division by zero). "
            "Correct its rules or its table and rebuild it."
        ),
    ),
    (
        GateClosed("user_view", 7, ("3 dead letters.", "No row is left.")),
        (
            "Generation 7 of user_view was not published, the live one stays: 3 dead letters. No row is left. "
            "Mend what is wrong and rebuild it again."
        ),
    ),
    (
        BuildGone("user_view", 7),
        (
            "Generation 7 of user_view was thrown away meanwhile, and nothing was published of it. Run `acci run "
            "rebuild user_view` if it is still wanted."
        ),
    ),
    (
        SwapBlocked("user_view", 2.5),
        (
            "user_view could not be swapped within 2.5 s: others are reading it. The old generation is "
            "still live; run the same again to go on."
        ),
    ),
    (
        SwapBlocked("user_view", 2.5, "read by shop (report), process 7, active since 90 s"),
        (
            "user_view could not be swapped within 2.5 s: others are reading it or hold what the swap needs (read by "
            "shop (report), process 7, active since 90 s). The old generation is still live; run the same again to go "
            "on."
        ),
    ),
    (
        ColumnsInUse("user_view", "view read.report depends on it"),
        (
            "user_view cannot be swapped: its columns change and something depends on them (view read.report "
            "depends on it). Drop what depends on read.user_view or keep the old columns, and run the rebuild "
            "again."
        ),
    ),
    (
        NothingKept("user_view"),
        (
            "user_view has no old generation to roll back to: rebuilds keep as many as their parameter says. "
            "Put the rules of then back and run `acci run rebuild user_view`."
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
            "Ask for another point in time, or for a position alone; `acci run audit` says if it still can be."
        ),
    ),
    (
        OtherRules("user_view", 7, ("the rule created changed",)),
        (
            "Generation 7 of user_view cannot be caught up: it was made by other rules (the rule created "
            "changed). Put the rules of then back first, or roll back with `--as-it-was`: readers go back to its "
            "checkpoint, and it is caught up once its rules are back."
        ),
    ),
    (
        Superseded("user_view", 7),
        (
            "Backfill 7 of user_view has ended: another generation is live now, which was derived as a whole. "
            "Begin it again if it is still needed."
        ),
    ),
    (
        WrongKey("user_view", ("a",), ("tenant_id", "id")),
        "The key ['a'] does not fit user_view: give a text for each of tenant_id, id.",
    ),
    (
        NotFinal(70, 20),
        "Position 70 is not final yet; ask for one up to 20, or wait a moment.",
    ),
    (
        KeyDoesNotFit(("a",), ("tenant_id (text)", "id (text)")),
        "The key ('a',) does not fit: give one value for each of tenant_id (text), id (text).",
    ),
    (
        LeftOut("There is no read model to look at."),
        "There is no read model to look at.",
    ),
    (
        DoesNotFit("It cannot be confined to keys."),
        "It cannot be confined to keys.",
    ),
]
