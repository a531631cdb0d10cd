"""Queries: get_user and search_users, exact for every text, and always by index."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError
from acci.domain.events import Event, EventMetadata
from acci.domain.queries import Query
from acci.domain.users.events import UserCreated
from acci.domain.users.queries import UserRow
from acci.store.log.bulk import append_in_bulk
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.reading.queries import InvalidQuery, NotPublished, ask, question
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load

AT = datetime(2024, 1, 1, tzinfo=UTC)
Person = tuple[str, str, str]  # tenant, name, email
ODD = ["100% Ann", "100 Ann", "a_b", "axb", "C:\\temp", "C:temp", "ÉMILE", "émile", "O'Neil", 'say "hi"', "two\nlines"]


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["acci.domain.users"])


def fill(connection: Connection, catalogue: Catalogue, people: Sequence[Person]) -> None:
    """Afterwards the read model has `people`, their ids their places in the list."""
    events = (
        Event(
            uuid4(), f"{number:06}", "User", "UserCreated", 1, UserCreated(email=email, name=name),
            EventMetadata(tenant, "test"), AT,
        )
        for number, (tenant, name, email) in enumerate(people)
    )  # fmt: skip
    append_in_bulk(connection, events, 1_000_000)
    build.rebuild(connection, catalogue, catalogue.projection("user_view"))


def search(connection: Connection, catalogue: Catalogue, tenant: str, query: str, **page: int) -> list[str]:
    """The ids found."""
    asked = question(catalogue, "search_users", {"tenant_id": tenant, "query": query, **page})
    answer = ask(connection, catalogue, asked)
    assert isinstance(answer, list)
    found = []
    for row in answer:
        assert isinstance(row, UserRow)
        assert row.tenant_id == tenant
        found.append(row.id)
    return found


def by_hand(people: Sequence[Person], tenant: str, query: str) -> list[str]:
    wanted = query.lower()
    found = [
        (name, f"{number:06}")
        for number, (whose, name, email) in enumerate(people)
        if whose == tenant and (wanted in name.lower() or wanted in email.lower())
    ]
    return [user_id for _, user_id in sorted(found)]


def test_get_user(connection: Connection, catalogue: Catalogue) -> None:
    fill(connection, catalogue, [("acme", "Ann", "a@b"), ("globex", "Bob", "b@b")])

    def get(tenant: str, user_id: str) -> object:
        return ask(connection, catalogue, question(catalogue, "get_user", {"tenant_id": tenant, "id": user_id}))

    assert get("acme", "000000") == UserRow(
        tenant_id="acme", id="000000", email="a@b", name="Ann", status="active", created_at=AT, updated_at=AT
    )
    assert get("globex", "000000") is None
    assert get("acme", "000001") is None


def test_every_odd_text_is_found_literally(connection: Connection, catalogue: Catalogue) -> None:
    people = [(tenant, name, f"{place}@b") for place, (tenant, name) in enumerate(product(("acme", "globex"), ODD))]
    fill(connection, catalogue, people)
    queries = ["", "%", "_", "\\", "%%", "a%", "a_b", "\\t", "é", "É", "ÉM", "'", '"', "\n", "o\nl", "1@b", "lines\n"]
    for query in [*queries, *ODD]:
        assert search(connection, catalogue, "acme", query) == by_hand(people, "acme", query), query


@pytest.fixture
def empty(connection: Connection, catalogue: Catalogue) -> Connection:
    """A connection to an empty read model; its view takes rows."""
    fill(connection, catalogue, [])
    return connection


def put(connection: Connection, people: Sequence[Person]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO read.user_view (tenant_id, id, email, name, status, created_at, updated_at) "
            "VALUES (%s, %s, %s, %s, 'active', now(), now())",
            [(tenant, f"{number:06}", email, name) for number, (tenant, name, email) in enumerate(people)],
        )


LETTERS = st.text(alphabet="aAbB%_\\éÉ \n", max_size=6)
PEOPLE = st.lists(st.tuples(st.sampled_from(("acme", "globex")), LETTERS, LETTERS), max_size=30)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, queries=st.lists(LETTERS, min_size=1, max_size=10))
def test_every_text_is_found_as_by_a_plain_search(
    empty: Connection, catalogue: Catalogue, people: list[Person], queries: list[str]
) -> None:
    """Random people of few letters, and random pieces of them; whole and page by page."""
    with empty.transaction(force_rollback=True):
        put(empty, people)
        for query in queries:
            whole = by_hand(people, "acme", query)
            assert search(empty, catalogue, "acme", query) == whole
            for offset in range(0, len(whole) + 2, 3):
                page = search(empty, catalogue, "acme", query, limit=3, offset=offset)
                assert page == whole[offset : offset + 3]


def many() -> list[Person]:
    """More people than are tried by name; what is rare is at the end of the alphabet."""
    common = [("acme", f"Ann {number:05}", f"a{number}@b") for number in range(12_000)]
    others = [("globex", f"Zoë {number:03}", f"z{number}@b") for number in range(300)]
    return [*common, *others, *(("acme", f"Zoë {number:03}", f"z{number}@b") for number in range(120))]


def test_both_ways_of_searching_agree(empty: Connection, catalogue: Catalogue) -> None:
    """What the first names do not give is found among all; wherever the page is cut."""
    people = many()
    put(empty, people)
    for query in ("Ann", "zoë", "Zoë 1", "z", "ö", "0", "119", "a11999@", "nobody"):
        whole = by_hand(people, "acme", query)
        for offset in (0, 45, 100, 115, len(whole) - 3, len(whole), len(whole) + 1):
            page = search(empty, catalogue, "acme", query, limit=10, offset=max(offset, 0))
            assert page == whole[max(offset, 0) :][:10], (query, offset)


@pytest.mark.parametrize(
    ("query", "index"), [("Ann", "user_view_by_name"), ("Zoë 11", "user_view_search"), ("", "user_view_by_name")]
)
def test_the_search_uses_an_index(empty: Connection, query: str, index: str) -> None:
    """The statement and the indexes speak of the same expressions. (So few rows would else be read one and all.)"""
    put(empty, many())
    empty.execute("VACUUM ANALYZE")
    empty.execute("SET enable_seqscan = off")
    parameters = {"tenant_id": "acme", "query": query, "limit": 50, "offset": 0}
    plan = empty.execute("EXPLAIN (ANALYZE) " + sql("queries/search_users"), parameters, prepare=False).fetchall()
    used = [line for (line,) in plan if "Scan" in line and "never executed" not in line]
    assert any(index in line for line in used), used


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("search_users", {"tenant_id": "acme"}, "query: field required"),
        ("search_users", {"tenant_id": "acme", "query": 1}, "query: input should be a valid string"),
        ("search_users", {"tenant_id": "acme", "query": "a", "limit": 0}, "limit: input should be greater than"),
        ("search_users", {"tenant_id": "acme", "query": "a", "limit": 1001}, "limit: input should be less than"),
        ("search_users", {"tenant_id": "acme", "query": "a", "ofset": 1}, "ofset: extra inputs are not permitted"),
        ("search_users", {"tenant_id": "acme", "query": "a", "offset": 10**400}, "out of range"),
        ("search_users", {"tenant_id": "acme", "query": "a", "offset": 2**62}, "out of range"),
        ("search_users", {"tenant_id": "acme", "query": "a\0"}, "NUL"),
        ("search_users", {"tenant_id": "acme", "query": "\ud800"}, "surrogate"),
        ("get_user", {"tenant_id": "\0", "id": "a"}, "NUL"),
    ],
)
def test_wrong_parameters_are_refused(
    empty: Connection, catalogue: Catalogue, name: str, parameters: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidQuery, match=said):
        ask(empty, catalogue, question(catalogue, name, parameters))


def test_without_a_build_it_is_refused(connection: Connection, catalogue: Catalogue) -> None:
    with pytest.raises(NotPublished, match="acci run catch-up"):
        search(connection, catalogue, "acme", "Ann")


class Count(Query[UserRow]):
    """How many there are."""

    name: ClassVar[str] = "count_things"


def test_a_query_whose_sql_is_missing_or_wrong(connection: Connection, tmp_path: Path) -> None:
    catalogue = Catalogue((Context(name="things", sql=tmp_path, events=(), queries=(Count,)),))
    asked = question(catalogue, "count_things", {})
    with pytest.raises(DefinitionError, match=r"Query count_things: write its SQL, in .*count_things\.sql"):
        ask(connection, catalogue, asked)
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "count_things.sql").write_text("SELECT 'acme' AS tenant_id, 7 AS id")
    with pytest.raises(DefinitionError, match="rows that are no answer: id: input should be a valid string; email:"):
        ask(connection, catalogue, asked)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "SELECT %(atmost)s AS id",
            r"names a parameter that it has not: atmost\. Correct .*; its parameters: at_most\.",
        ),
        ("SELECT nothing AS id", r'is refused: column "nothing" does not exist\. Correct '),
        ("SELEC 1", r'is refused: syntax error at or near "SELEC"\. Correct '),
        ("SELECT 1 WHERE 'a' LIKE 'a%'", r"is refused: .*placeholder.*\. Correct "),
        ("SET search_path = read", r"is refused: .*\. Correct "),
    ],
)
def test_sql_that_is_refused_is_named_with_its_file(
    connection: Connection, tmp_path: Path, statement: str, said: str
) -> None:
    class LowStock(Query[UserRow]):
        """What is nearly gone."""

        name: ClassVar[str] = "low_stock"
        at_most: int = 3

    catalogue = Catalogue((Context(name="stock", sql=tmp_path, events=(), queries=(LowStock,)),))
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "low_stock.sql").write_text(statement)
    with pytest.raises(DefinitionError, match=f"^Query low_stock: its SQL {said}") as raised:
        ask(connection, catalogue, question(catalogue, "low_stock", {}))
    assert str(tmp_path / "queries" / "low_stock.sql") in str(raised.value)
