"""Quality: what must hold in a read model, declared beside it as plain data; Great Expectations checks it.

    USER_VIEW = Suite(
        UserView,
        expect("expect_column_values_to_be_in_set", column="status", value_set=["active", "inactive"]),
        no_rows("updated_at < created_at", "A user was changed before it was made."),
    )

A context lists its suites. They have no part in how rows are computed, so changing one needs no rebuild.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acci.domain.errors import DefinitionError
from acci.domain.projections import Projection

ROW_BY_ROW = (
    "expect_column_values_",
    "expect_column_value_lengths_",
    "expect_column_pair_values_",
    "expect_multicolumn_values_",
)
OF_THE_WHOLE = ("_to_be_unique", "_to_be_increasing", "_to_be_decreasing")


@dataclass(frozen=True)
class Expectation:
    """One expectation: its name and arguments in Great Expectations; or an SQL condition `where` that no row may meet.

    `meaning` is the sentence shown when it does not hold, if its name does not say enough.
    """

    name: str
    arguments: Mapping[str, Any]
    where: str | None = None
    meaning: str = ""

    @property
    def of_rows(self) -> bool:
        """Whether it holds or not for each row by itself, so that it can be checked on some of the rows."""
        if self.where is not None:
            return True
        return self.name.startswith(ROW_BY_ROW) and not self.name.endswith(OF_THE_WHOLE)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return self.meaning or f"{self.name}({arguments})"


def expect(name: str, meaning: str = "", **arguments: Any) -> Expectation:
    """The expectation `name`, such as expect_column_values_to_match_regex, with its arguments."""
    if not name.startswith("expect_"):
        raise DefinitionError(f"The expectation {name!r}", "its name begins with expect_, as in Great Expectations.")
    return Expectation(name, arguments, None, meaning)


def no_rows(where: str, meaning: str) -> Expectation:
    """Expect that no row meets the SQL condition `where` on the table's columns."""
    return Expectation("no_rows", {"where": where}, where, meaning)


@dataclass(frozen=True, init=False)
class Suite:
    """What must hold in the read model of `projection`."""

    projection: type[Projection]
    expectations: tuple[Expectation, ...]

    def __init__(self, projection: type[Projection], *expectations: Expectation) -> None:
        if not expectations:
            raise DefinitionError(f"The quality suite of {projection.__name__}", "it expects nothing.")
        object.__setattr__(self, "projection", projection)
        object.__setattr__(self, "expectations", expectations)
