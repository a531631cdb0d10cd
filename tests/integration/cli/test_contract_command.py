"""`acci contract` in a user's project: the file, what a change needs, the exit codes, and the exports."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import acci, refusal

DOMAIN = """
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from acci import Aggregate, Command, CommandData, Context, EventData, Insert, Projection, Query, decides, evolves, on


class ItemAdded(EventData):
    what: str


class AddItem(CommandData):
    aggregate_id_field: ClassVar[str] = "id"
    id: str
    what: str


class Item(Aggregate):
    known: bool = False

    @decides(AddItem)
    def add(self, command: Command[AddItem]) -> list[ItemAdded]:
        return [ItemAdded(what=command.data.what)]


class Items(Projection):
    key = ("tenant_id", "id")

    @on(ItemAdded)
    def added(self, event):
        return Insert(what=event.data.what)


class ItemRow(BaseModel):
    id: str
    what: str


class FindItems(Query[ItemRow]):
    name: ClassVar[str] = "find_items"
    what: str


CONTEXT = Context(
    "shop",
    Path(__file__).parent,
    events=(ItemAdded,),
    aggregates=(Item,),
    projections=(Items,),
    queries=(FindItems,),
)
"""
CLASS = "class ItemAdded(EventData):"
TABLE = """CREATE TABLE items (
    tenant_id text NOT NULL,
    id        text NOT NULL,
    what      text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
"""


class Shop:
    """A project with a domain in one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "acci.contract.json"
        self.environment = {"ACCI_PROJECT": str(folder), "ACCI_CONTEXTS": "shop"}
        (folder / "pyproject.toml").write_text("[tool.acci]\n")
        (folder / "read_models").mkdir()
        self.has(DOMAIN, TABLE)

    def has(self, domain: str, table: str = TABLE) -> None:
        (self.folder / "shop.py").write_text(domain)
        (self.folder / "read_models" / "items.sql").write_text(table)

    def acci(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return acci(*words, **self.environment, **environment)

    def check(self, code: int, *words: str, **environment: str) -> list[dict[str, Any]]:
        """The changes, of a check that ends with this code."""
        done = self.acci("contract", "--check", "--json", *words, **environment)
        said = json.loads(done.stdout)
        assert (done.returncode, said["exit_code"]) == (code, code), done.stdout
        changes: list[dict[str, Any]] = said["changes"]
        return changes


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The contract's file of the domain as it was."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    done = shop.acci("contract")
    counts = "events 1, commands 1, read models 1, queries 1, reactions 0"
    assert done.stdout == f"Wrote {shop.file}: {counts}. Commit it.\n"
    return shop.file.read_text()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def released(shop: Shop, committed: str) -> Shop:
    """A shop with its contract."""
    shop.file.write_text(committed)
    return shop


def test_the_file_is_written_into_the_project_and_checked_there(shop: Shop, committed: str) -> None:
    assert "Run `acci contract`" in refusal(shop.acci("contract", "--check"))
    assert json.loads(shop.acci("contract", "--json").stdout)["events"] == 1
    assert shop.file.read_text() == committed
    assert shop.acci("contract", "--check").stdout == "Nothing changed.\n"
    shop.file.write_text("{")
    assert "is no contract that can be read" in refusal(shop.acci("contract"))
    assert shop.file.read_text() == "{"


@pytest.mark.parametrize(
    ("domain", "table", "code", "verdicts"),
    [
        (DOMAIN.replace(CLASS, f"{CLASS}\n    n: int = 0"), TABLE, 0, ["compatible"]),
        (
            DOMAIN.replace("Insert(", "Insert(note=event.data.what, "),
            TABLE.replace("    PRIMARY", "    note text,\n    PRIMARY"),
            3,
            ["needs a backfill"],
        ),
        (DOMAIN.replace('"id"\n    id: str', '"id"\n    id: str\n    by: str'), TABLE, 4, ["breaks a sender"]),
        (
            DOMAIN.replace(CLASS, f"{CLASS}\n    n: int"),
            TABLE.replace("PRIMARY", "UNIQUE (what), PRIMARY"),
            5,
            ["needs an upcaster", "needs a rebuild"],
        ),
    ],
    ids=["0", "3", "4", "5"],
)
def test_the_exit_code_is_that_of_the_gravest_change(
    released: Shop, domain: str, table: str, code: int, verdicts: list[str]
) -> None:
    released.has(domain, table)
    assert [change["verdict"] for change in released.check(code)] == verdicts


def test_people_read_what_changed_and_what_to_do(released: Shop) -> None:
    released.has(DOMAIN.replace(CLASS, f"{CLASS}\n    n: int"))
    shown = released.acci("contract", "--check")
    assert shown.returncode == 5
    for said in ("needs an upcaster", "n: field required", "Raise its schema_version to 2", 'tried with {"what": "a"}'):
        assert said in shown.stdout


def test_the_file_of_another_branch_is_compared_with(released: Shop) -> None:
    main = released.file.rename(released.folder / "main.json")
    released.has(DOMAIN.replace(CLASS, f"{CLASS}\n    n: int"))
    (change,) = released.check(5, "--against", str(main))
    assert json.loads(change["example"]) == {"what": "a"}
    assert "main2.json" in refusal(released.acci("contract", "--check", "--against", f"{released.folder}/main2.json"))


def test_a_database_says_how_many_stored_events_a_change_concerns(released: Shop, database_url: str) -> None:
    database = {"ACCI_DATABASE_URL": database_url}
    sent = json.dumps({"id": "i1", "what": "a boat"})
    done = released.acci("send", "AddItem", sent, "--tenant", "t", "--user", "u", **database)
    assert done.returncode == 0, done.stderr
    released.has(DOMAIN.replace(CLASS, f"{CLASS}\n    n: int"))
    assert [change["stored_events"] for change in released.check(5, "--database", **database)] == [1]


def test_exports_are_written_alone(shop: Shop) -> None:
    page, schemas = shop.folder / "domain.md", shop.folder / "schemas"
    done = shop.acci("contract", "--markdown", str(page), "--json-schema", str(schemas))
    assert done.stdout == f"Wrote {schemas} and {page}.\n"
    assert not shop.file.exists()
    assert "command_AddItem --> event_ItemAdded" in page.read_text()
    assert json.loads((schemas / "events" / "ItemAdded.json").read_text())["required"] == ["what"]
    page.write_text("# Mine\n")
    assert "was not made by `acci contract`" in refusal(shop.acci("contract", "--markdown", str(page)))
    assert page.read_text() == "# Mine\n"


@pytest.mark.parametrize(
    "words",
    [["--database"], ["--check", "--markdown", "x"]],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_wrong_usage(shop: Shop, words: list[str]) -> None:
    done = shop.acci("contract", *words)
    assert done.returncode == 2
    assert "--check" in done.stderr
