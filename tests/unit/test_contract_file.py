"""The contract's file and its exports: stable, readable by other programs, and never over what is not theirs."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from acci.store.contract.document import Contract, contract_of
from acci.store.contract.examples import examples
from acci.store.contract.exports import NotMadeByUs, schemas, write_schemas
from acci.store.contract.file import NoContract, UnusableContract, read, text_of
from acci.store.contract.markdown import page, write_page
from acci.store.contract.tables import TableColumn, read_table
from acci.store.registry import load
from tests.support.shell import CHECKOUT

CATALOGUE = load(
    [
        "acci.domain.users",
        "tests.domains.people",
        "tests.domains.orders",
        "tests.domains.bank",
        "tests.domains.shipping",
    ]
)
MADE = contract_of(CATALOGUE)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "acci.contract.json"
    file.write_text(text_of(MADE), encoding="utf-8")
    assert read(file) == MADE
    assert text_of(contract_of(CATALOGUE, read(file))) == file.read_text(encoding="utf-8")


def test_lines_are_short_enough_to_be_compared() -> None:
    assert max(map(len, text_of(MADE).splitlines())) < 400
    assert len(text_of(MADE).splitlines()) > 200


def test_it_says_where_each_column_comes_from() -> None:
    columns = MADE.read_models["people"].columns
    assert (columns["email"].type, columns["email"].nullable) == ("text", True)
    assert columns["shown"].sources == ("PersonRegistered.data.city", "PersonRegistered.data.name")
    assert (columns["id"].fold, columns["name"].fold, columns["names"].fold) == ("key", "put", "add")
    assert MADE.read_models["user_view"].columns["status"].sources == tuple(
        f"User{each}" for each in ("Created", "Deactivated", "Reactivated")
    )
    assert MADE.read_models["notes"].columns["note"].sources == ()  # a fold in Python does not say it


def test_reactions_are_in_it_without_a_word_of_their_code() -> None:
    assert MADE.reactions["tracking"].model_dump() == {
        "context": "shipping",
        "stream": "Tracking",
        "stateful": True,
        "events": {"LabelPrinted": "parcel", "ParcelArrived": None, "ParcelOverdue": None, "ParcelSent": None},
        "decides_on": ("ParcelArrived", "ParcelOverdue", "ParcelSent"),
        "refusals": ("PrintLabel",),
    }


def test_a_file_from_before_there_were_reactions_is_read(tmp_path: Path) -> None:
    older = json.loads(text_of(MADE))
    del older["reactions"]
    file = tmp_path / "acci.contract.json"
    file.write_text(json.dumps(older))
    assert read(file).reactions == {}


def test_upcasters_are_in_it() -> None:
    events = contract_of(load(["tests.domains.ledger"])).events
    steps = [step for event in events.values() for step in event.upcasters]
    assert steps
    assert all(step.keys() <= {"version", "rename", "default", "change", "drop"} for step in steps)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "as a whole: input should be"),
        ('{"format": 2}', "format: input should be 1"),
        (text_of(MADE).replace('"leads_to"', '"leads"', 1), "field required"),
    ],
)
def test_what_is_no_contract_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "acci.contract.json"
    file.write_text(text)
    with pytest.raises(UnusableContract, match=problem):
        read(file)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(NoContract, match="Run `acci contract`"):
        read(tmp_path / "acci.contract.json")


def test_each_schema_is_one_and_takes_the_examples_of_its_shape() -> None:
    found = schemas(CATALOGUE, MADE)
    assert {"events/UserCreated.json", "commands/CreateUser.json", "queries/get_user.row.json"} <= found.keys()
    for name, schema in found.items():
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for example in examples(schema):
            assert "NaN" in str(example) or "nfinity" in str(example) or validator.is_valid(example), (name, example)


def test_an_export_replaces_an_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    write_schemas(folder, {"events/Old.json": {}})
    write_schemas(folder, {"events/New.json": {"type": "object"}})
    assert sorted(file.name for file in folder.rglob("*.json")) == ["New.json", "index.json"]


@pytest.mark.parametrize(
    "index",
    [
        None,
        "{",
        "[]",
        '{"made_by": "me", "files": []}',
        '{"made_by": "acci contract --json-schema", "files": ["../mine.txt"]}',
    ],
)
def test_an_export_touches_no_folder_that_is_not_its_own(tmp_path: Path, index: str | None) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "mine.txt").touch()
    (folder / "mine.txt").touch()
    if index is not None:
        (folder / "index.json").write_text(index)
    for place in (folder, folder / "mine.txt"):
        with pytest.raises(NotMadeByUs, match="left as it is"):
            write_schemas(place, {"events/New.json": {}})
    assert (tmp_path / "mine.txt").exists()


def test_the_page_shows_commands_events_and_read_models(tmp_path: Path) -> None:
    text = page(CATALOGUE, MADE)
    for line in (
        '    command_CreateUser["CreateUser"]',
        "    command_CreateUser --> event_UserCreated",
        "    event_UserCreated --> read_model_user_view",
        "| `email` | text | no | put | UserCreated.data.email, UserUpdated.data.email |",
        "Schema version 1. Personal: `name`, `email`, of the person whose aggregate it is.",
        "The new email and name; both, even if only one changed.",
        '    reaction_tracking{{"tracking"}}',
        "    event_LabelPrinted --> reaction_tracking",
        "    command_PrintLabel -. refused .-> reaction_tracking",
        "| LabelPrinted | `parcel` | no |",
        "| ParcelSent | the aggregate's id | yes |",
        "Its own streams are of Tracking. It has a state. It decides if these are refused: PrintLabel.",
    ):
        assert line in text
    assert all(line.count("|") - line.count("\\|") == 4 for line in text.splitlines() if line.startswith("| `pattern"))
    file = tmp_path / "domain.md"
    write_page(file, text)
    write_page(file, text)
    file.write_text("# Mine\n")
    with pytest.raises(NotMadeByUs):
        write_page(file, text)
    assert file.read_text() == "# Mine\n"


def test_the_columns_of_a_table_are_read_as_they_are_written() -> None:
    text = """
    CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN 'CREATE TABLE t (x int);'; END $body$;
    -- CREATE TABLE t (no int);
    /* , */ CREATE UNLOGGED TABLE IF NOT EXISTS "t" (
        id bigint, "Odd ""name" numeric(12, 2)[] NOT NULL DEFAULT ARRAY[1, 2],
        at timestamp with time zone DEFAULT '2020-01-01, (', doubled text GENERATED ALWAYS AS (a || ')') STORED,
        short text CHECK (short IN ('a', 'b')) PRIMARY KEY,
        CONSTRAINT c CHECK (id > 0), UNIQUE (id)
    ) WITH (fillfactor = 70);
    CREATE INDEX i ON t (id);
    """
    found = read_table(text, "t", ("id",))
    assert found.columns == (
        TableColumn("id", "bigint", False, ""),
        TableColumn('Odd "name', "numeric(12, 2)[]", False, "NOT NULL DEFAULT ARRAY[1, 2]"),
        TableColumn("at", "timestamp with time zone", True, "DEFAULT '2020-01-01, ('"),
        TableColumn("doubled", "text", True, "GENERATED ALWAYS AS(a || ')') STORED"),
        TableColumn("short", "text", False, "CHECK(short IN('a', 'b')) PRIMARY KEY"),
    )
    assert found.rest[:2] == ("CONSTRAINT c CHECK(id > 0)", "UNIQUE(id)")
    assert found.rest[-1] == "CREATE INDEX i ON t(id)"


@pytest.mark.parametrize(
    "text", ["", "CREATE TABLE t AS SELECT 1", "CREATE TABLE t (LIKE other)", "CREATE TABLE u (x int)"]
)
def test_a_table_that_only_postgresql_can_tell_has_no_columns(text: str) -> None:
    assert read_table(text, "t", ()).columns == ()


def test_the_file_of_an_unchanged_domain_does_not_change_with_who_makes_it() -> None:
    said: Any = TypeAdapter(Contract).dump_python(MADE, mode="json")
    assert str(CHECKOUT) not in json.dumps(said)
