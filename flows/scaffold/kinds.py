"""What can be added to a project; apart, since the command line names it and imports little."""

from enum import StrEnum


class Addition(StrEnum):
    """What can be added to a project."""

    AGGREGATE = "aggregate"
    READ_MODEL = "read-model"
    REACTION = "reaction"

    @property
    def package(self) -> str:
        """Where its module is, in the context's package."""
        return self.value.replace("-", "_") + "s"
