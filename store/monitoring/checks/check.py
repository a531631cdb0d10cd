"""One check of health, and what is still healthy."""

from dataclasses import dataclass

PATIENCE = "10s"  # for one statement of a check: a late answer is of no use


@dataclass(frozen=True)
class Bounds:
    """What still counts as healthy: seconds, unless named otherwise. `quiet_seconds` None: no limit."""

    mark_seconds: float = 300
    lag_seconds: float = 600
    lag_events: int = 1_000_000
    audit_hours: float = 26
    dead_letters: int = 0
    quiet_seconds: float | None = None
    undelivered_seconds: float = 600


@dataclass(frozen=True)
class Check:
    """One check; `said` is a sentence, with what to do if it is not healthy.

    `projection` or `reaction` is the one concerned, if there is one.
    """

    kind: str
    healthy: bool
    said: str
    projection: str | None = None
    reaction: str | None = None

    @property
    def name(self) -> str:
        """Its name, unique among the checks."""
        of = self.projection or self.reaction
        return self.kind if of is None else f"{self.kind} of {of}"


def span(seconds: float) -> str:
    """A length of time for people: 0.4 s, 12 min, 3.5 h, 2.0 days."""
    if seconds < 120:
        return f"{seconds:,.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.1f} days"
