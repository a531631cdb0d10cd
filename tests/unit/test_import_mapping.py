"""The mapping file: what it says, and each way in which it can be wrong."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, field_validator

from acci.domain.contexts import Context
from acci.domain.events import EventData
from acci.store.importing.conversion import Converter
from acci.store.importing.lines import Line
from acci.store.importing.mapping import load_mapping
from acci.store.importing.problems import BadLine, InvalidMapping
from acci.store.registry import Catalogue, load

GOOD = """
tenant_id = { constant = "acme" }
aggregate_type = { constant = "User" }
aggregate_id = "user"
event_type = { constant = "UserCreated" }
timestamp = "at"
data.UserCreated = { email = "mail", name = "name" }
"""
RECORD = {"user": "u1", "at": "2024-05-01T10:00:00+02:00", "mail": "a@b", "name": "Ann"}


@pytest.fixture
def catalogue() -> Catalogue:
    return load(["acci.domain.users", "tests.domains.permits"])


def written(folder: Path, text: str, name: str = "mapping.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def converted(folder: Path, catalogue: Catalogue, mapping: str, **changes: object) -> object:
    rules = load_mapping(written(folder, mapping), catalogue)
    return Converter(rules, catalogue, b"content").event(Line(7, RECORD | changes))


def test_a_line_becomes_an_event(tmp_path: Path, catalogue: Catalogue) -> None:
    rules = load_mapping(written(tmp_path, GOOD + 'user_id = "by"\ncorrelation_id = "case"\n'), catalogue)
    event = Converter(rules, catalogue, b"content").event(Line(7, RECORD | {"by": "clerk", "case": 12}))
    assert event.stream == ("acme", "User", "u1")
    assert event.event_type == "UserCreated"
    assert event.data == '{"email":"a@b","name":"Ann"}'
    assert event.timestamp.isoformat() == "2024-05-01T08:00:00+00:00"
    assert (event.metadata.user_id, event.metadata.correlation_id) == ("clerk", "12")


def test_ids_come_from_content_and_line(tmp_path: Path, catalogue: Catalogue) -> None:
    rules = load_mapping(written(tmp_path, GOOD), catalogue)

    def event_id(content: bytes, line: int) -> object:
        return Converter(rules, catalogue, content).event(Line(line, RECORD)).id

    assert event_id(b"one", 1) == event_id(b"one", 1)
    assert len({event_id(b"one", 1), event_id(b"one", 2), event_id(b"two", 1)}) == 3


def test_yaml_says_the_same(tmp_path: Path, catalogue: Catalogue) -> None:
    yaml = """
    tenant_id: {constant: acme}
    aggregate_type: {constant: User}
    aggregate_id: user
    event_type: {constant: UserCreated}
    timestamp: at
    data: {UserCreated: {email: mail, name: name}}
    """
    one = load_mapping(written(tmp_path, GOOD), catalogue)
    other = load_mapping(written(tmp_path, yaml, "mapping.yaml"), catalogue)
    assert one == other
    assert one.fingerprint == other.fingerprint


def test_a_comment_changes_no_fingerprint(tmp_path: Path, catalogue: Catalogue) -> None:
    one = load_mapping(written(tmp_path, GOOD), catalogue).fingerprint
    assert load_mapping(written(tmp_path, "# new\n" + GOOD), catalogue).fingerprint == one
    assert load_mapping(written(tmp_path, GOOD.replace("acme", "globex")), catalogue).fingerprint != one


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("tenant_id = { constant", "tenant_id = { konstant"), "tenant_id.konstant: extra inputs are not permitted"),
        (('aggregate_id = "user"', ""), "aggregate_id: field required"),
        (('aggregate_id = "user"', "aggregate_id = {}"), "give it either a column or a constant"),
        (('aggregate_id = "user"', 'aggregate_id = ""'), "its column has no name"),
        (
            ('timestamp = "at"', 'timestamp = { column = "at", zone = "Mars/Base" }'),
            "there is no time zone 'Mars/Base'",
        ),
        (('timestamp = "at"', 'timestamp = { column = "at", otherwise = "x" }'), "otherwise goes with values"),
        (('"UserCreated" }', '"UserCreate" }'), "no event 'UserCreate' is registered"),
        (("data.UserCreated", "data.UserMade"), "no event 'UserMade' is registered"),
        (('email = "mail"', 'mail = "mail"'), "UserCreated has no field 'mail'; it has email, name"),
        (('email = "mail", ', ""), "data.UserCreated says nothing of the required field 'email'"),
        (("data.UserCreated", "data.UserUpdated"), "says nothing of the required field 'email'"),
        (("timestamp", 'delimiter = ";;"\ntimestamp'), "delimiter: string should have at most 1 character"),
        (("timestamp", 'format = "xml"\ntimestamp'), "format: input should be 'csv' or 'ndjson'"),
        (("timestamp", "data = 3\ntimestamp"), "mapping.toml"),
        (("data.UserCreated = {", "data.UserCreated = 3 #"), "data.UserCreated"),
        (("tenant_id = {", "tenant_id = [["), "mapping.toml"),
    ],
)
def test_refused(tmp_path: Path, catalogue: Catalogue, change: tuple[str, str], problem: str) -> None:
    file = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(file, catalogue)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("mapping.json", b"{}", "ends neither in .toml nor in .yaml"),
        ("mapping.yaml", b"- a\n- b", "mapping.yaml"),
        ("mapping.yaml", b"a: [", "mapping.yaml"),
        ("mapping.yaml", b"!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("mapping.yaml", b"", "mapping.yaml"),
        ("mapping.toml", b"\xff\xfe", "codec can't decode"),
    ],
)
def test_a_file_that_is_no_mapping(
    tmp_path: Path, catalogue: Catalogue, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidMapping, match=problem):
        load_mapping(tmp_path / name, catalogue)


def test_a_missing_mapping(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidMapping, match="No such file"):
        load_mapping(tmp_path / "none.toml", catalogue)


@pytest.mark.parametrize(
    ("said", "value", "moment"),
    [
        ('"at"', "2024-05-01T10:00:00Z", "2024-05-01T10:00:00+00:00"),
        ('"at"', "2024-05-01 10:00:00.123456+02:00", "2024-05-01T08:00:00.123456+00:00"),
        ('{ column = "at", zone = "Europe/Amsterdam" }', "2024-07-01 10:00", "2024-07-01T08:00:00+00:00"),
        ('{ column = "at", zone = "Europe/Amsterdam" }', "2024-07-01T10:00+00:00", "2024-07-01T10:00:00+00:00"),
        ('{ column = "at", zone = "Europe/Amsterdam" }', "2024-10-27 02:30", "2024-10-27T00:30:00+00:00"),
        ('{ column = "at", format = "unix" }', 1714550400, "2024-05-01T08:00:00+00:00"),
        ('{ column = "at", format = "unix_ms" }', "1714550400123", "2024-05-01T08:00:00.123000+00:00"),
        ('{ column = "at", format = "%d.%m.%y %H:%M", zone = "UTC" }', "01.05.24 08:00", "2024-05-01T08:00:00+00:00"),
    ],
)
def test_timestamps(tmp_path: Path, catalogue: Catalogue, said: str, value: object, moment: str) -> None:
    mapping = GOOD.replace('timestamp = "at"', f"timestamp = {said}")
    rules = load_mapping(written(tmp_path, mapping), catalogue)
    event = Converter(rules, catalogue, b"").event(Line(1, RECORD | {"at": value}))
    assert event.timestamp.isoformat() == moment


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": ""}, "the timestamp is empty (column 'at')"),
        ({"at": "2024-05-01T10:00:00"}, "has no time zone"),
        ({"at": "yesterday"}, "'yesterday' is not a timestamp in the format 'iso'"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "is not a timestamp"),
        ({"at": 12}, "is not a timestamp"),
        ({"at": None}, "the timestamp is empty"),
        ({"user": ""}, "the aggregate's id is empty (column 'user')"),
        ({"user": None}, "the aggregate's id is empty"),
        ({"user": 1.5}, "the aggregate's id has to be a text (column 'user' is 1.5)"),
        ({"user": True}, "the aggregate's id has to be a text"),
        ({"user": {"a": 1}}, "the aggregate's id has to be a text"),
        ({"user": "u\0"}, "the aggregate's id holds a NUL character"),
        ({"user": "u\ud800"}, "the aggregate's id holds half a surrogate pair"),
        ({"user": "u" * 501}, "aggregate_id is 501 bytes long; the limit is 500"),
        ({"name": "A\0"}, "name: it holds a NUL character"),
        ({"name": "A\ud800"}, "the payload has no JSON form"),
        ({"name": None}, "name: field required"),
        ({"name": 12}, "name: input should be a valid string"),
        ({"mail": ["a"], "name": 1}, "email: input should be a valid string; name: input should be a valid string"),
        ({"name": "A" * 1_000_001}, "the payload is longer than 1,000,000 bytes"),
    ],
)
def test_bad_lines(tmp_path: Path, catalogue: Catalogue, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(BadLine) as caught:
        converted(tmp_path, catalogue, GOOD, **changes)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_type_named_by_the_line(tmp_path: Path, catalogue: Catalogue) -> None:
    mapping = GOOD.replace('event_type = { constant = "UserCreated" }', 'event_type = "kind"')
    rules = Converter(load_mapping(written(tmp_path, mapping), catalogue), catalogue, b"")
    assert rules.event(Line(1, RECORD | {"kind": "UserDeleted"})).data == "{}"
    assert rules.event(Line(1, RECORD | {"kind": "UserCreated"})).event_type == "UserCreated"
    with pytest.raises(BadLine, match="no event 'UserMade' is registered"):
        rules.event(Line(1, RECORD | {"kind": "UserMade"}))
    with pytest.raises(BadLine, match=r"says nothing of data\.UserUpdated"):
        rules.event(Line(1, RECORD | {"kind": "UserUpdated"}))


def test_an_event_type_mapped_by_values(tmp_path: Path, catalogue: Catalogue) -> None:
    values = 'event_type = { column = "kind", values = { new = "UserCreated", "1" = "UserUpdated" } }\n'
    mapping = GOOD.replace('event_type = { constant = "UserCreated" }\n', values).replace(
        "data.UserCreated", 'data."*"'
    )
    rules = Converter(load_mapping(written(tmp_path, mapping), catalogue), catalogue, b"")
    assert rules.event(Line(1, RECORD | {"kind": "new"})).event_type == "UserCreated"
    assert rules.event(Line(1, RECORD | {"kind": 1})).event_type == "UserUpdated"
    with pytest.raises(BadLine, match="column 'kind' is 'old', for which the mapping has no value"):
        rules.event(Line(1, RECORD | {"kind": "old"}))


def test_the_whole_payload_in_one_place(tmp_path: Path, catalogue: Catalogue) -> None:
    mapping = GOOD.replace('data.UserCreated = { email = "mail", name = "name" }', 'data = ["body", "payload"]')
    rules = Converter(load_mapping(written(tmp_path, mapping), catalogue), catalogue, b"")

    def event(payload: object) -> str:
        return rules.event(Line(1, RECORD | {"body": {"payload": payload}})).data

    assert event({"email": "a@b", "name": "Ann"}) == '{"email":"a@b","name":"Ann"}'
    for payload, reason in (
        ({"email": "a@b", "name": "Ann", "age": 3}, "UserCreated has no field 'age'"),
        ({"email": "a@b"}, "name: field required"),
        ("text", "is no object"),
        (None, "is no object"),
    ):
        with pytest.raises(BadLine, match=reason):
            event(payload)


def test_an_empty_cell_is_no_value_where_one_may_be_missing(tmp_path: Path, catalogue: Catalogue) -> None:
    mapping = """
    tenant_id = { constant = "acme" }
    aggregate_type = { constant = "User" }
    aggregate_id = "user"
    event_type = { constant = "UserDeactivated" }
    timestamp = "at"
    data.UserDeactivated = { reason = "name" }
    """
    rules = Converter(load_mapping(written(tmp_path, mapping), catalogue), catalogue, b"")
    assert rules.event(Line(1, RECORD | {"name": ""})).data == '{"reason":null}'
    assert rules.event(Line(1, RECORD | {"name": "left"})).data == '{"reason":"left"}'


def test_a_timestamp_in_a_payload_needs_a_zone(tmp_path: Path, catalogue: Catalogue) -> None:
    mapping = """
    tenant_id = { constant = "acme" }
    aggregate_type = { constant = "Case" }
    aggregate_id = "user"
    event_type = { constant = "CaseReceived" }
    timestamp = "at"
    [data.CaseReceived]
    step = "name"
    task = "name"
    channel = "name"
    department = "name"
    responsible = "name"
    deadline = DEADLINE
    """
    record = RECORD | {"due": "2024-05-01 10:00"}
    bare = load_mapping(written(tmp_path, mapping.replace("DEADLINE", '"due"')), catalogue)
    with pytest.raises(BadLine, match="deadline: the timestamp has no time zone"):
        Converter(bare, catalogue, b"").event(Line(1, record))
    zoned = mapping.replace("DEADLINE", '{ column = "due", zone = "Europe/Amsterdam" }')
    event = Converter(load_mapping(written(tmp_path, zoned), catalogue), catalogue, b"").event(Line(1, record))
    assert '"deadline":"2024-05-01T08:00:00Z"' in event.data


class Checked(EventData):
    name: str

    @field_validator("name")
    @classmethod
    def look(cls, name: str) -> str:
        return {"ann": "Ann"}[name]


def test_any_exception_of_a_validator_makes_a_bad_line(tmp_path: Path) -> None:
    catalogue = Catalogue((Context(name="checks", sql=tmp_path, events=(Checked,)),))
    mapping = GOOD.replace("UserCreated", "Checked").replace('email = "mail", ', "")
    with pytest.raises(BadLine, match="the payload cannot be made: KeyError: 'bob'"):
        converted(tmp_path, catalogue, mapping, name="bob")


class Measured(EventData):
    value: float
    count: int
    exact: Decimal
    more: dict[str, Any] = Field(default_factory=dict)


MEASURED = """
tenant_id = { constant = "acme" }
aggregate_type = { constant = "Meter" }
aggregate_id = { constant = "m1" }
event_type = { constant = "Measured" }
timestamp = { constant = "2024-05-01T10:00:00Z" }
data.Measured = { value = "value", count = "count", exact = "exact", more = "more" }
"""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": "NaN"}, "value: nan is no number"),
        ({"value": "-inf"}, "value: -inf is no number"),
        ({"value": "1e400"}, "value: inf is no number"),
        ({"value": ""}, "value: input should be a valid number"),
        ({"count": "1.5"}, "count: input should be a valid integer"),
        ({"count": "1" + "0" * 400}, "count: the number is beyond 64 bits"),
        ({"count": "1" + "0" * 5000}, "count: "),
        ({"exact": "NaN"}, "exact: input should be a finite number"),
        ({"more": {"deep": [{"n": float("nan")}]}}, "more.deep.0.n: nan is no number"),
        ({"more": {"deep": ["a\0"]}}, "more.deep.0: it holds a NUL character"),
        ({"more": {"a\0": 1}}, "more: it holds a NUL character"),
    ],
)
def test_malformed_numbers_are_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    catalogue = Catalogue((Context(name="meters", sql=tmp_path, events=(Measured,)),))
    converter = Converter(load_mapping(written(tmp_path, MEASURED), catalogue), catalogue, b"")
    record: dict[str, Any] = {"value": "1.5", "count": "2", "exact": "0.1000000000000000055", "more": {}}
    event = converter.event(Line(1, record))
    assert event.data == '{"value":1.5,"count":2,"exact":"0.1000000000000000055","more":{}}'
    with pytest.raises(BadLine) as caught:
        converter.event(Line(1, record | changes))
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 300
