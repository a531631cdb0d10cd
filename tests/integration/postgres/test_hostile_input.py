"""Hostile or broken input: it is either refused with a sentence, or stored and read back unchanged."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acci.domain.commands import Command, CommandMetadata
from acci.domain.errors import AcciError
from acci.domain.events import Event, EventData, EventMetadata, StreamId
from acci.domain.users.events import UserCreated
from acci.store.auditing.audit import audit, chosen
from acci.store.auditing.scope import AuditScope
from acci.store.commands.handler import CommandHandler
from acci.store.commands.validation import typed
from acci.store.importing.importer import Importer
from acci.store.importing.mapping import load_mapping
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.tenants import enter
from acci.store.projecting.batches import catch_up
from acci.store.reading.as_of import rows_as_of
from acci.store.reading.queries import ask, question
from acci.store.rebuilding import build
from acci.store.registry import load
from acci.store.values.strict_json import parse_object
from tests.support.histories import value
from tests.support.servers import SharedServer

CATALOGUE = load(["acci.domain.users"])
USERS = CATALOGUE.projection("user_view")
OFTEN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SQL = "'; DROP TABLE acci.events; --"
NASTY = (
    SQL, "%s", "%(tenant_id)s", "{}", "{0}", "$1", "\\", "\\'", "\0", "\ud800", "\udfff\ud800", "\x1b[2J", "\u202e", "",
    " ", "é" * 300, "x" * 5000, '"', "$$", "E'\\x00'", "NULL", "../../etc/passwd", "a\nb", "\ufeff", "%", "_",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(max_size=40), st.text(st.characters(), max_size=5))
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5000, "1e-9999", "0.1e1000000", "-0", "01", "+1")


@pytest.fixture(scope="module")
def url(server: SharedServer) -> Iterator[str]:
    """One database for all of it: refused input leaves nothing in it."""
    with server.database() as database_url:
        with connect(database_url, "test", "project") as connection:
            build.rebuild(connection, CATALOGUE, USERS)
        yield database_url


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[EventStore]:
    with Database(url, 1, "append") as database:
        yield EventStore(database, CATALOGUE)


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[Connection]:
    with connect(url, "test", "administer") as opened:
        yield opened


def require_sentence(error: Exception) -> None:
    """One for a person, and nothing of the program's own."""
    assert len(str(error)) > 20
    assert not any(word in str(error) for word in ("Traceback", "psycopg", "0x", "pydantic"))


def events(connection: Connection) -> int:
    return int(value(connection, "SELECT count(*) FROM acci.events"))


@OFTEN
@given(st.tuples(TEXTS, TEXTS, TEXTS), TEXTS, TEXTS, TEXTS)
@example((SQL, SQL, SQL), SQL, SQL, SQL)
def test_names_and_values(
    store: EventStore, connection: Connection, names: tuple[str, str, str], email: str, user: str, correlation: str
) -> None:
    stream, before = StreamId(names[0], names[1], f"{names[2]}{uuid4()}" if names[2] else ""), events(connection)
    metadata = EventMetadata(stream.tenant_id, correlation, None, user)
    data: EventData = UserCreated(email="a@b", name="x")
    try:
        data = UserCreated(email=email, name=email)
        event = Event(
            uuid4(), stream.aggregate_id, stream.aggregate_type, "UserCreated", 1, data, metadata, datetime.now(UTC)
        )
        (stored,) = store.append(stream, 0, [event])
    except (AcciError, ValueError) as error:
        require_sentence(error)
        assert events(connection) == before
    else:
        (read,) = store.read_stream(stream)
        assert (read.data, read.metadata, read.stream) == (data, metadata, stream) == (stored.data, metadata, stream)


JSON = st.recursive(
    st.one_of(TEXTS.map(json.dumps), st.sampled_from(NUMBERS), st.sampled_from(["null", "true", "{"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: "[" + ",".join(each) + "]"),
        st.lists(st.tuples(st.sampled_from(["user_id", "email", "name", "x"]), inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f'"{name}": {text}' for name, text in pairs) + "}"
        ),
    ),
    max_leaves=8,
)


@OFTEN
@given(JSON)
@example('{"user_id": "a", "user_id": "b", "email": "c", "name": "d"}')
@example("[" * 100_000)
@example('{"a":' * 50_000)
@example('{"user_id": "\\ud800", "email": "x", "name": "y"}')
@example('{"user_id": "a", "email": 1e400, "name": "y"}')
def test_commands_as_json(store: EventStore, connection: Connection, text: str) -> None:
    before = events(connection)
    metadata = CommandMetadata(user_id="u", correlation_id="c", tenant_id="t", timestamp=datetime.now(UTC))
    try:
        command: Command[Any] = typed(CATALOGUE, "CreateUser", parse_object(text), metadata)
        CommandHandler(store, CATALOGUE).handle(command)
    except AcciError as error:
        require_sentence(error)
        assert events(connection) == before


@OFTEN
@given(TEXTS, TEXTS, JSON)
@example(SQL, SQL, "10000000000000000000000000000")
def test_questions(url: str, tenant: str, word: str, limit: str) -> None:
    with connect(url, "test", "read") as reader:
        try:
            parameters = parse_object(f'{{"limit": {limit}}}') if limit[0] in "0123456789" else {}
            asked = question(CATALOGUE, "search_users", {"tenant_id": tenant, "query": word, **parameters})
            assert isinstance(ask(reader, CATALOGUE, asked), list)
        except AcciError as error:
            require_sentence(error)
        assert value(reader, "SELECT to_regclass('acci.events') IS NOT NULL")


@OFTEN
@given(TEXTS, TEXTS)
@example(SQL, SQL)
def test_keys_and_tenants(url: str, connection: Connection, tenant: str, user: str) -> None:
    try:
        assert list(rows_as_of(connection, CATALOGUE, USERS, keys=[(tenant, user)])) is not None
        extent = AuditScope(tenant, ((tenant, user),))
        for check, name in chosen(CATALOGUE, ["rows"], "user_view"):
            audit(connection, CATALOGUE, check, name, extent)
    except AcciError as error:
        require_sentence(error)
    with connect(url, "test", "read") as reader:
        try:
            enter(reader, tenant)
            assert (
                value(reader, "SELECT count(*) FROM read.user_view WHERE tenant_id <> current_setting('acci.tenant')")
                == 0
            )
        except AcciError as error:
            require_sentence(error)


LINE = b'{"tenant": "t", "user": "%s", "kind": "UserCreated", "at": "2024-01-01T00:00:00Z", "by": "c", "payload": %s}\n'
GOOD = b'{"email": "a@b", "name": "x"}'
LINES = st.one_of(
    st.binary(max_size=60).map(lambda raw: raw + b"\n"),
    st.sampled_from(
        [
            LINE % (b"a", b"[" * 50_000),
            LINE % (b"a", b'{"email": "' + b"x" * 2_000_000 + b'", "name": "x"}'),
            LINE % (b"a", b'{"email": "a", "email": "b", "name": "x"}'),
            LINE % (b"a", b'{"email": NaN, "name": "x"}'),
            LINE % (b"a", b'{"email": 1e400, "name": "x"}'),
            LINE % (b"a", b'{"email": "\\ud800", "name": "x"}'),
            LINE % (b"a", b'{"email": "\\u0000", "name": "x"}'),
            LINE % (b"\xff\xfe", GOOD),
            LINE % (b"x" * 3000, GOOD),
            LINE % (b"", GOOD),
            LINE.replace(b"2024-01-01T00:00:00Z", b"99999-99-99") % (b"a", GOOD),
            LINE.replace(b"UserCreated", b"'; DROP TABLE acci.events; --") % (b"a", GOOD),
            LINE[:-20] % b"a",
            b"\xff\xfe" + LINE % (b"a", GOOD),
            b"\0" * 1000 + b"\n",
        ]
    ),
)


@settings(OFTEN, max_examples=40)
@given(st.lists(LINES, min_size=1, max_size=3), st.booleans())
def test_files_to_import(
    url: str, connection: Connection, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], whole: bool
) -> None:
    """Each bad line among good ones is named; of a file imported all-or-nothing, nothing is stored."""
    folder = tmp_path_factory.mktemp("hostile")
    mapping = Path(folder / "mapping.toml")
    mapping.write_text(
        'tenant_id = "tenant"\naggregate_type = { constant = "User" }\naggregate_id = "user"\nevent_type = "kind"\n'
        'timestamp = "at"\nuser_id = "by"\ndata = "payload"\n'
    )
    good = LINE % (uuid4().hex.encode(), GOOD)
    (folder / "file.ndjson").write_bytes(good + b"".join(lines))
    importer, before = Importer(url, CATALOGUE, load_mapping(mapping, CATALOGUE)), events(connection)
    try:
        if whole:
            importer.import_whole(folder / "file.ndjson", lambda *_: None)
        else:
            importer.import_in_parts(folder / "file.ndjson", lambda *_: None, 2)
    except AcciError as error:
        require_sentence(error)
        assert events(connection) - before == 0 or not whole
    else:
        assert events(connection) > before
        catch_up(connection, CATALOGUE, USERS)
