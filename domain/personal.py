"""Personal data: payload fields that are encrypted with a key of the person's own, so that it can be erased later.

    class PersonRegistered(EventData):
        email: Personal[str]

The event's `subject` names the person: it is the name of a payload field with the person's id, or None if the aggregate
is the person. Once the key is destroyed (crypto-shredding), the field reads ERASED wherever the event is read.
"""

from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from acci.domain.errors import DefinitionError

ERASED = "[erased]"


class PersonalMark:
    """Marks a personal field."""


T = TypeVar("T", str, str | None)
Personal = Annotated[T, PersonalMark()]


@cache
def personal_fields(data: type[BaseModel]) -> tuple[str, ...]:
    """The payload's personal fields. Raises `DefinitionError` for one that is not text, or is in a nested model."""
    found = []
    for name, field in data.model_fields.items():
        here = any(isinstance(each, PersonalMark) for each in field.metadata)
        if not here and _is_within(field.annotation):
            raise DefinitionError(f"{data.__name__}.{name}", "personal data lies directly in the payload.")
        if here and set(_alternatives(field.annotation)) - {str, type(None)}:
            raise DefinitionError(f"{data.__name__}.{name}", "personal data is text; declare it as Personal[str].")
        found += [name] if here else []
    if found:
        _check_subject(data, found)
    return tuple(found)


def _check_subject(data: type[BaseModel], personal: list[str]) -> None:
    subject = getattr(data, "subject", None)
    if subject is not None and (subject in personal or subject not in data.model_fields):
        raise DefinitionError(f"{data.__name__}.subject", f"{subject!r} is not a field without personal data.")


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _is_within(annotation: Any, models: tuple[type[BaseModel], ...] = ()) -> bool:
    """Whether a part of the annotation, or a field of a model in it, is marked as personal; `models` are above it."""
    if get_origin(annotation) is Annotated and any(isinstance(each, PersonalMark) for each in get_args(annotation)):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in models:  # a model may hold others of its kind
            return False
        fields = annotation.model_fields.values()
        marked = any(isinstance(each, PersonalMark) for field in fields for each in field.metadata)
        return marked or any(_is_within(field.annotation, (*models, annotation)) for field in fields)
    return any(_is_within(each, models) for each in get_args(annotation))
