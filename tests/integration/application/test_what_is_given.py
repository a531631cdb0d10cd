"""What an application is given is looked at: an empty name, a wrong kind, a text that PostgreSQL has not."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from acci import AcciError, Application, Event, EventMetadata, InvalidCommand, StreamId, acting_as
from acci.domain.users.events import UserDeactivated
from acci.domain.users.queries import GetUser
from acci.domain.users.user import CreateUser, User
from acci.domain.users.user_view import UserView
from acci.store.application.acting import NoTenant
from acci.store.values.storable import Unstorable

ANN = CreateUser(user_id="ann", email="ann@example.com", name="Ann")


def deactivated() -> Event[UserDeactivated]:
    why, now = EventMetadata(tenant_id="t1", correlation_id="c"), datetime.now(UTC)
    return Event(uuid4(), "ann", "User", "UserDeactivated", 2, UserDeactivated(), why, now)


def test_an_empty_name_is_not_that_of_the_block(published: Application) -> None:
    """As a request's header may be: nothing may happen for the tenant of another."""
    app = published
    with acting_as(tenant_id="t1", user_id="me"):
        with pytest.raises(InvalidCommand, match="tenant_id: is empty"):
            app.send(ANN, tenant_id="")
        with pytest.raises(InvalidCommand, match="user_id: is empty"):
            app.send(ANN, user_id="")
        with pytest.raises(InvalidCommand, match="correlation_id: is empty"):
            app.send(ANN, correlation_id="")
        for ask in (
            lambda: app.load(User, "ann", tenant_id=""),
            lambda: app.history(User, "ann", tenant_id=""),
            lambda: app.as_of(UserView, 0, tenant_id=""),
            lambda: app.query(GetUser(tenant_id="t1", id="ann"), tenant_id=""),
            lambda: app.status(""),
        ):
            with pytest.raises(NoTenant):
                ask()
        with acting_as(tenant_id=""), pytest.raises(NoTenant):
            app.load(User, "ann")


@pytest.mark.parametrize("wrong", [None, 7, "x", ANN, CreateUser, ["ann"], {}], ids=repr)
def test_what_is_of_a_wrong_kind_is_a_type_error_or_a_sentence(published: Application, wrong: Any) -> None:
    app = published
    with acting_as(tenant_id="t1", user_id="me"):
        app.send(ANN)
        for ask in (
            lambda: app.load(wrong, "ann"),
            lambda: app.history(wrong, "ann"),
            lambda: app.query(wrong),
            lambda: app.as_of(wrong, 0),
            lambda: app.wait_for(1, [wrong], timeout=0),
            lambda: app.events.exists(wrong),
            lambda: app.events.append(wrong, 0, [deactivated()]),
            lambda: app.events.append(StreamId("t1", "User", "ann"), 1, [wrong]),
            lambda: app.events.append(StreamId("t1", "User", "ann"), 1, [replace(deactivated(), id=wrong)]),
            lambda: app.events.append(StreamId("t1", "User", "ann"), 1, [replace(deactivated(), metadata=wrong)]),
            lambda: app.events.append(StreamId("t1", "User", "ann"), 1, [replace(deactivated(), timestamp=wrong)]),
            lambda: app.load(User, "ann", as_of="x" if wrong is None else wrong),  # type: ignore[arg-type]
            lambda: app.load(User, wrong) if wrong != "x" else app.events.event(wrong, "t1"),
        ):
            with pytest.raises((TypeError, AcciError)):
                ask()
        assert app.load(User, "ann").version == 1


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=ascii)
def test_text_that_postgresql_has_not_is_named(published: Application, text: str) -> None:
    app = published
    with acting_as(tenant_id="t1", user_id="me"):
        for ask in (
            lambda: app.load(User, text),
            lambda: app.load(User, "ann", tenant_id=text),
            lambda: app.history(User, text),
            lambda: app.events.exists(StreamId("t1", "User", text)),
            lambda: app.events.streams("t1", "User", prefix=text),
            lambda: app.events.read_correlated("t1", text),
            lambda: app.status(text),
        ):
            with pytest.raises(Unstorable, match=r"has not in text|half a surrogate"):
                ask()
