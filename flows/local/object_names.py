"""Names of ACCI's objects on a Prefect server, distinct from those of another ACCI database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acci.domain.errors import AcciError
from acci.store.settings import Settings

BASE = "acci"  # the pool, the tag of every deployment, the first word of Prefect event resources


class UnusablePrefix(AcciError):
    """ACCI_PREFECT_PREFIX is not what names can begin with."""

    prefix: str

    sentence = (
        "ACCI_PREFECT_PREFIX is {prefix!r}, with which the names of deployments cannot begin: "
        "use up to 30 small letters, digits and hyphens, a letter first."
    )


@dataclass(frozen=True)
class OwnNames:
    """The prefix begins the name of everything that this database has on a Prefect server, if there is one."""

    prefix: str = ""

    def __post_init__(self) -> None:
        if self.prefix and not re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", self.prefix):
            raise UnusablePrefix(self.prefix)

    @classmethod
    def of(cls, settings: Settings) -> "OwnNames":
        """By the setting. Raises `UnusablePrefix`."""
        return cls(settings.prefect_prefix)

    def __call__(self, name: str) -> str:
        return f"{self.prefix}-{name}" if self.prefix else name

    @property
    def pool(self) -> str:
        """The work pool."""
        return self(BASE)

    def subject(self, projection: str | None, reaction: str | None = None) -> str:
        """The resource of Prefect events: a read model, a reaction, or the log."""
        if reaction:
            return self(f"{BASE}.reaction.{reaction}")
        return self(f"{BASE}.read-model.{projection}" if projection else f"{BASE}.log")

    def tags(self, tags: list[str]) -> list[str]:
        return [self(tag) if tag == BASE else tag for tag in tags]

    def matched(self, matching: Any) -> Any:
        """What a trigger matches, with our own tag and resources under this database's names."""
        if isinstance(matching, list):
            return [self.matched(each) for each in matching]
        return {label: self._own(value) for label, value in matching.items()}

    def trigger(self, trigger: Mapping[str, Any]) -> dict[str, Any]:
        """The trigger, matching only this database's objects."""
        matched = {part: self.matched(trigger[part]) for part in ("match", "match_related") if part in trigger}
        return {**trigger, **matched}

    def _own(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(f"{BASE}."):
            return self(value)
        if value == f"prefect.tag.{BASE}":
            return f"prefect.tag.{self(BASE)}"
        return value
