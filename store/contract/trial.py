"""Trials: whether today's classes read what was stored, and accept what is sent, by having them do it.

A payload that is refused is a proof; that none is refused is as good as the examples of the shape are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from acci.domain.errors import said
from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.expressions.evaluation import value_of
from acci.domain.expressions.event_view import fields
from acci.domain.expressions.values import json_text, parse
from acci.domain.projections.reference import Stored
from acci.store.contract.example_values import UNTRIED
from acci.store.contract.examples import examples
from acci.store.contract.shapes import Shape, properties, resolved
from acci.store.log.decoding import typed
from acci.store.values.pydantic_errors import problems_of

_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Refusal:
    """An example that is not taken, as JSON, and why."""

    example: str
    reason: str


def unread(event: type[EventData], version: int, shape: Shape) -> Refusal | None:
    """The first payload of that shape, stored in that schema version, that today's class or a rule cannot read."""
    for payload in examples(shape):
        reason = why_unread(event, version, payload)
        if reason is not None:
            return Refusal(_shown(payload), reason)
    return None


def refused(model: type[BaseModel], shape: Shape) -> Refusal | None:
    """The first content of that shape that the command or query does not accept."""
    for content in examples(shape):
        try:
            model.__pydantic_validator__.validate_json(json_text(content))
        except ValidationError as error:
            if (reason := _reason(error)) is not None:
                return Refusal(_shown(content), reason)
        except Exception as error:  # noqa: BLE001 a validator of the domain's may raise anything
            return Refusal(_shown(content), said(error))
    return None


def untried_changes(before: Shape, after: Shape) -> Iterator[str]:
    """The fields that changed and of which no example can be made, so that nothing shows whether they still fit."""
    made: dict[str, Any] = next(iter(examples(before)), {})
    for name, part in properties(before).items():
        kept = properties(after).get(name)
        if kept is not None and UNTRIED in str(made.get(name)) and resolved(part, before) != resolved(kept, after):
            yield name


def why_unread(event: type[EventData], version: int, payload: Any) -> str | None:
    """Why today's class, or a rule that uses one of its fields, cannot read a payload; None if both can."""
    text = json_text(payload)
    try:
        typed(event, version, text)
        _read_by_rules(event, version, parse(text))
    except ValidationError as error:
        return _reason(error)
    except Exception as error:  # noqa: BLE001 an upcaster, or a validator of the domain's, may raise anything
        reason = said(error) or type(error).__name__
        return None if UNTRIED in reason else reason
    return None


def _read_by_rules(event: type[EventData], version: int, payload: Any) -> None:
    """Raises `ValueError` if a rule that uses a field of the event would fail on it, as its compiled SQL would."""
    metadata = EventMetadata("", "")
    stored: RecordedEvent[Any] = RecordedEvent(
        UUID(int=0), "", "", event.event_type(), 1, payload, metadata, _MOMENT, version, position=1, recorded_at=_MOMENT
    )
    leaf = Stored(stored).leaf_of(event)
    for field in fields(event):
        value_of(leaf(field))


def _reason(error: ValidationError) -> str | None:
    """Why, in the first place that does not only say that an untried value is none."""
    inputs = [each["input"] for each in error.errors(include_url=False, include_context=False)]
    problems = zip(problems_of(error), inputs, strict=True)
    return next((f"{field or 'as a whole'}: {why}" for (field, why), given in problems if given != UNTRIED), None)


def _shown(payload: Any) -> str:
    text = json_text(payload)
    return text if len(text) <= 300 else f"{text[:300]}…"
