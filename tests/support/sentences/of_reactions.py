"""Errors of reactions."""

from acci.domain.errors import AcciError
from acci.store.reacting.registrations import NotRegistered, ReactionBusy, ReactionPaused, StartBeyondLog

SENTENCES: list[tuple[AcciError, str]] = [
    (
        NotRegistered("tracking"),
        "tracking has never run here. Run `acci reactions register tracking`, or start `acci run react`.",
    ),
    (
        ReactionPaused("tracking", "we look at it"),
        ("tracking is paused: we look at it. Look at `acci reactions show`, then `acci reactions resume tracking`."),
    ),
    (
        ReactionBusy("tracking"),
        "Another runner is deciding for tracking; this one left it alone. Wait for it to end.",
    ),
    (
        StartBeyondLog("tracking", 70, 20),
        "tracking cannot begin after position 70: the log ends at 20. Give a position up to that.",
    ),
]
