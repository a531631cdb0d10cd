"""Sources: where a value comes from in a line, and how it is read."""

import json
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from acci.store.importing.problems import BadLine
from acci.store.values.as_written import is_number
from acci.store.values.storable import check_text

Record = dict[str, Any]
Scalar = str | bool | int | float


class Source(BaseModel):
    """A column (or a path into an NDJSON object) or a constant; a plain text in a mapping is a column.

    values: what each text of the column stands for; any other text is an error, or `otherwise`.
    nulls: texts that mean "no value".
    format, zone: read a timestamp. "iso" (the default), "unix" or "unix_ms", or a pattern of strptime; `zone` is for
    timestamps that have none of their own (an hour that clocks go through twice is taken as the first).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | tuple[str, ...] | None = None
    constant: Scalar | None = None
    values: dict[str, Scalar] | None = None
    otherwise: Scalar | None = None
    nulls: tuple[str, ...] | None = None
    format: str | None = Field(default=None, min_length=1)
    zone: str | None = None

    _zone: ZoneInfo | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str | list) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give it either a column or a constant")
        if self.column in ((), ""):
            raise ValueError("its column has no name")
        if self.otherwise is not None and self.values is None:
            raise ValueError("otherwise goes with values")
        if self.zone is not None:
            try:
                self._zone = ZoneInfo(self.zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"there is no time zone {self.zone!r}") from None
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """The column as a path; empty for a constant."""
        return (self.column,) if isinstance(self.column, str) else self.column or ()

    @property
    def title(self) -> str:
        return "the constant" if self.column is None else f"column {'.'.join(self.path)!r}"

    @property
    def is_timestamp(self) -> bool:
        return self.format is not None or self.zone is not None

    def raw(self, record: Record) -> Any:
        """The value as the line has it, or as `values` has it; None if there is none. Raises `BadLine`."""
        if self.constant is not None:
            return self.constant
        value = record.get(self.column) if isinstance(self.column, str) else _dig(record, self.path)
        if value is None or (self.nulls is not None and isinstance(value, str) and value in self.nulls):
            return None
        if self.values is None:
            return value
        found = self.values.get(value if isinstance(value, str) else json.dumps(value), self.otherwise)
        if found is None:
            raise BadLine(f"{self.title} is {shown(value)}, for which the mapping has no value")
        return found

    def _given(self, record: Record, what: str) -> Any:
        value = self.raw(record)
        if value is None or value == "":
            raise BadLine(f"{what} is empty ({self.title})")
        return value

    def text(self, record: Record, what: str) -> str:
        """The value as a non-empty text for `what`. Raises `BadLine`."""
        value = self._given(record, what)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise BadLine(f"{what} has to be a text ({self.title} is {shown(value)})")
        text = str(value)
        if reason := check_text(text):
            raise BadLine(f"{what} {reason} ({self.title})")
        return text

    def timestamp(self, record: Record, what: str) -> datetime:
        """The value as a timestamp in UTC. Raises `BadLine`."""
        value = self._given(record, what)
        try:
            found = self._read_timestamp(value)
            if found.tzinfo is None:
                if self._zone is None:
                    raise BadLine(f"{what} {shown(value)} has no time zone; give the mapping's {self.title} a zone")
                found = found.replace(tzinfo=self._zone)
            return found.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, OSError):
            form = self.format or "iso"
            raise BadLine(f"{what} {shown(value)} is not a timestamp in the format {form!r} ({self.title})") from None

    def _read_timestamp(self, value: Any) -> datetime:
        if self.format in ("unix", "unix_ms"):
            if isinstance(value, bool) or not is_number(value):
                raise TypeError
            return datetime.fromtimestamp(float(value) / (1000 if self.format == "unix_ms" else 1), UTC)
        if not isinstance(value, str):
            raise TypeError
        if self.format in (None, "iso"):
            return datetime.fromisoformat(value)
        return datetime.strptime(value, self.format)  # noqa: DTZ007 the caller gives it its zone


def _dig(record: Record, path: tuple[str, ...]) -> Any:
    value: Any = record
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def shown(value: object) -> str:
    """The value as it may stand in a message: short, and on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
