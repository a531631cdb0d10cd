"""Personal data as declared: what would not hold is refused, and who has none pays nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel

from acci.domain.errors import DefinitionError
from acci.domain.events import Event, EventData, EventMetadata
from acci.domain.personal import Personal, personal_fields
from acci.domain.projections import Projection, Upsert, count, lower, on
from acci.domain.users.user_view import UserView
from acci.store.log.payloads import encode_data
from acci.store.projecting.decrypted_events import refuse_personal_keys, uses_personal
from acci.store.values.storable import Unstorable
from tests.domains.people import Cities, Notes, People, PersonRegistered  # fmt: skip


class Branch(BaseModel):
    branches: list["Branch"]


class Owned(BaseModel):
    parts: list["Owned"]
    owner: Personal[str]


class Cut(EventData):
    branch: Branch


class CutFor(EventData):
    branch: Owned


def test_only_projections_that_use_personal_fields_read_decrypted_events() -> None:
    assert [uses_personal(each) for each in (People, Cities, Notes, UserView)] == [True, False, True, False]


def test_a_personal_field_is_refused_as_a_key() -> None:
    class ByEmail(Projection):
        key = ("tenant_id", "email")

        @on(PersonRegistered)
        def registered(self, event: Event[PersonRegistered]) -> Upsert:
            return Upsert(email=lower(event.data.email), times=count())

    with pytest.raises(DefinitionError, match="The key email of by_email"):
        refuse_personal_keys(ByEmail)
    refuse_personal_keys(People)


def test_declarations_that_cannot_work_are_refused() -> None:
    class Address(EventData):
        street: Personal[str]

    class Deep(EventData):
        address: Address

    class Number(EventData):
        age: Personal[int]  # type: ignore[type-var]

    class Named(EventData):
        subject = "name"
        name: Personal[str]

    for wrong in (Deep, Number, Named):
        with pytest.raises(DefinitionError):
            personal_fields(wrong)


def test_a_model_may_hold_others_of_its_kind() -> None:
    assert personal_fields(Cut) == ()
    with pytest.raises(DefinitionError, match=r"CutFor.branch: personal data lies directly in the payload"):
        personal_fields(CutFor)


def test_a_payload_that_looks_encrypted_is_refused() -> None:
    class Free(EventData):
        anything: Any

    event = Event(
        uuid4(),
        "a",
        "A",
        "Free",
        1,
        Free(anything={"acci.personal": "AAAA"}),
        EventMetadata("t", "c"),
        datetime.now(UTC),
    )
    with pytest.raises(Unstorable, match="ACCI's own"):
        encode_data(event, 1000)
    harmless = replace(event, data=Free(anything='"acci.personal": 1'))
    assert json.loads(encode_data(harmless, 1000)) == {"anything": '"acci.personal": 1'}
