"""One line of what `acci doctor` finds."""

from dataclasses import dataclass
from enum import StrEnum

from acci.domain.errors import AcciError
from acci.store.monitoring.checks.check import Check


class Verdict(StrEnum):
    """`WRONG` must be mended; `WARNING` works, and is to be known or changed."""

    WELL = "well"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at: its name, a verdict, and a sentence.

    `remedy` is the command or setting that mends it; None if it is well, or the sentence says it itself.
    """

    name: str
    verdict: Verdict
    said: str
    remedy: str | None = None


def well(name: str, said: str) -> Diagnosis:
    """It is as it should be."""
    return Diagnosis(name, Verdict.WELL, said)


def warning(name: str, said: str, remedy: str) -> Diagnosis:
    """It works, and something is lost or may happen."""
    return Diagnosis(name, Verdict.WARNING, said, remedy)


def wrong(name: str, said: str, remedy: str) -> Diagnosis:
    """It must be mended."""
    return Diagnosis(name, Verdict.WRONG, said, remedy)


def refused(name: str, error: AcciError) -> Diagnosis:
    """ACCI or the database refuses it; the error's sentence says what to do."""
    return Diagnosis(name, Verdict.WRONG, str(error))


def from_health(check: Check) -> Diagnosis:
    """The same as `acci health` finds it."""
    return Diagnosis(check.name, Verdict.WELL if check.healthy else Verdict.WRONG, check.said)
