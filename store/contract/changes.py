"""Changes: how today's code differs from what was committed, and what each difference needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from acci.store.contract.shapes import Shape, properties, resolved


class Verdict(Enum):
    """What a change needs, the gravest last; `exit_code` is what a check ends with if nothing is graver."""

    COMPATIBLE = ("compatible", 0)
    BACKFILL = ("needs a backfill", 3)
    REBUILD = ("needs a rebuild", 3)
    BREAKS_REACTION = ("breaks a reaction", 4)
    BREAKS_READER = ("breaks a reader", 4)
    BREAKS_SENDER = ("breaks a sender", 4)
    UPCASTER = ("needs an upcaster", 5)

    def __init__(self, text: str, exit_code: int) -> None:
        self.text, self.exit_code = text, exit_code


@dataclass(frozen=True)
class Change:
    """One difference: `kind` and `name` say of what, `what` is a phrase, `do` a sentence where something is needed.

    `events` are the names under which the events that it concerns are in the log, `versions` their schema versions
    (none: all), `example` is a payload or content that is no longer taken, as JSON.
    """

    kind: str
    name: str
    what: str
    verdict: Verdict
    do: str = ""
    example: str | None = None
    events: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()


def field_changes(before: Shape, after: Shape) -> Iterator[str]:
    """The fields that are new, gone or different, each as a phrase."""
    old, new = properties(before), properties(after)
    for name in (*old, *(each for each in new if each not in old)):
        if name not in new:
            yield f"field {name} is gone"
        elif name not in old:
            yield f"field {name} is new"
        elif resolved(old[name], before) != resolved(new[name], after):
            yield f"field {name} changed"
        elif (name in before.get("required", ())) is not (name in after.get("required", ())):
            yield f"field {name} is {'required' if name in after.get('required', ()) else 'optional'} now"
