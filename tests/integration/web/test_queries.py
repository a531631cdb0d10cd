"""`GET /queries/{name}`: typed parameters, typed rows, and reading one's own writes."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel

from acci import Application, Context, Query
from acci.store.postgres.database import connect
from acci.store.projecting.batches import catch_up
from tests.integration.web.conftest import Client
from tests.integration.web.test_commands import ANN, send


def test_rows_and_one_row(published: Client, app: Application) -> None:
    done = send(published, "CreateUser", ANN).json()
    _catch_up(app)
    one = published.get("/queries/get_user", params={"id": "ann", "min-position": done["position"]})
    assert (one.status_code, one.json()["name"], one.json()["tenant_id"]) == (200, "Ann", "t1")
    assert published.get("/queries/search_users", params={"query": "ann"}).json() == [one.json()]
    assert published.get("/queries/search_users", params={"query": "ann"}, headers={"x-tenant": "t2"}).json() == []
    nobody = published.get("/queries/get_user", params={"id": "bob"})
    assert (nobody.status_code, nobody.json()["type"]) == (404, "urn:acci:problem:not-found")
    head = published.request("HEAD", "/queries/search_users?query=ann")
    assert head.status_code == 200


def test_a_position_that_is_not_reached_in_time(app: Application, serve: Callable[..., Client]) -> None:
    web = serve(app, longest_wait=0.05)
    early = web.get("/queries/search_users?query=a")
    assert (early.status_code, early.json()["type"]) == (503, "urn:acci:problem:not-published")
    done = send(web, "CreateUser", ANN).json()
    late = web.get("/queries/search_users", params={"query": "a", "min-position": done["position"]})
    assert (late.status_code, late.json()["type"]) == (503, "urn:acci:problem:not-there-yet")
    assert int(late.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ("", "query"),
        ("query=a&tenant_id=t2", "tenant_id"),
        ("query=a&unheard=1", "unheard"),
        ("query=a&query=b", "query"),
        ("query=a&limit=0", "limit"),
        ("query=a&limit=1_0", "limit"),
        ("query=a&limit=%201", "limit"),
        ("query=a&limit=99999999999999999999999999999", "limit"),
        ("query=%00", ""),
        ("query=a&min-position=-1", "min-position"),
        ("query=a&min-position=9223372036854775808", "min-position"),
        ("query=a&min-position=", "min-position"),
    ],
)
def test_a_parameter_that_is_not_valid_is_named(published: Client, parameters: str, field: str) -> None:
    wrong = published.get(f"/queries/search_users?{parameters}")
    assert wrong.status_code == 422, wrong.text
    assert field in {each["field"] for each in wrong.json()["errors"]}
    assert "postgres" not in wrong.text.lower()


def test_parameters_that_are_not_utf_8(published: Client) -> None:
    assert published.get("/queries/search_users?query=%ff").status_code == 400
    assert published.get("/queries/search_users?" + "a=1&" * 2000).status_code == 400
    unknown = published.get("/queries/unheard")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "There is no query of that name.")


class Colour(Enum):
    red = "red"


class Echo(BaseModel):
    numbers: list[int]
    amount: Decimal
    day: date
    colour: Colour | None
    size: str


class EchoOf(Query[Echo]):
    """What it was asked with."""

    name: ClassVar[str] = "echo_of"
    numbers: list[int]
    amount: Decimal
    day: date
    colour: Colour | None = None
    size: Literal["S", "M"] = "S"
    exact: bool = False


@pytest.fixture
def echo(database_url: str, serve: Callable[..., Client], tmp_path: Path) -> Iterator[Client]:
    """A program with one query, that needs no read model."""
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "echo_of.sql").write_text(
        "SELECT %(numbers)s::bigint[] AS numbers, %(amount)s::numeric AS amount, %(day)s::date AS day,"
        " %(colour)s::text AS colour, %(size)s::text AS size, %(exact)s::boolean AS exact"
    )
    context = Context(name="echo", sql=tmp_path, events=(), queries=(EchoOf,))
    with Application(database_url, [context]) as app:
        yield serve(app)


def test_parameters_are_typed_by_the_query(echo: Client) -> None:
    found = echo.get("/queries/echo_of?numbers=3&numbers=1&amount=0.10&day=2026-01-31&colour=red&exact=true")
    assert found.json() == [{"numbers": [3, 1], "amount": "0.10", "day": "2026-01-31", "colour": "red", "size": "S"}], (
        found.text
    )
    wrong = echo.get("/queries/echo_of?numbers=a&amount=NaN&day=5&colour=blue&size=L&exact=1")
    assert {each["field"] for each in wrong.json()["errors"]} >= {"numbers.0", "colour", "size"}
    assert echo.get("/queries/echo_of?numbers=1&amount=1_0&day=2026-01-31").status_code == 422
    assert echo.get("/queries/echo_of?numbers=1&amount=1&day=20260131").status_code == 422
    assert echo.get("/queries/echo_of?numbers=1&amount=1&day=2026-01-31&exact=1").status_code == 422
    described: dict[str, Any] = echo.get("/openapi.json").json()["paths"]["/queries/echo_of"]["get"]
    schemas = {each["name"]: each["schema"] for each in described["parameters"]}
    assert schemas["numbers"]["items"] == {"type": "integer"}
    assert schemas["size"]["enum"] == ["S", "M"]
    assert described["description"] == "What it was asked with."


def _catch_up(app: Application) -> None:
    with connect(app.database.url, "test", "project") as connection:
        catch_up(connection, app.catalogue, app.catalogue.projection("user_view"))
