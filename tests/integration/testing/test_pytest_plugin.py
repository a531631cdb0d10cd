"""The pytest plugin in a project of a user's: real runs of pytest, in a process and a folder of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acci.store.postgres.database import connect
from tests.support.servers import SharedServer
from tests.support.shell import CHECKOUT

DOMAIN = """
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field

import acci


class Received(acci.EventData):
    quantity: int
    by: acci.Personal[str]


class Receive(acci.CommandData):
    aggregate_id_field: ClassVar[str] = "product"

    product: str
    quantity: int = Field(gt=0)
    by: str = "ann"


class Product(acci.Aggregate):
    stock: int = 0

    @acci.decides(Receive)
    def receive(self, command: acci.Command[Receive]) -> Received:
        if self.stock:
            raise acci.Refused(f"there are {self.stock}.")
        return Received(quantity=command.data.quantity, by=command.data.by)

    @acci.evolves(Received)
    def received(self, event: acci.Event[Received]) -> Self:
        return self.changed(stock=self.stock + event.data.quantity)


class Stock(acci.Projection):
    key = ("tenant_id", "id")

    @acci.on(Received)
    def received(self, event: acci.Event[Received]) -> acci.Upsert:
        return acci.Upsert(quantity=acci.add(event.data.quantity), by=acci.put(event.data.by))


class StockRow(BaseModel):
    id: str
    quantity: int
    by: str


class WhatThereIs(acci.Query[StockRow]):
    name: ClassVar[str] = "what_there_is"


CONTEXT = acci.Context(
    "shop", Path(__file__).parent / "sql",
    events=(Received,), aggregates=(Product,), projections=(Stock,), queries=(WhatThereIs,),
)
"""
TABLE = """
CREATE TABLE stock (
    tenant_id text, id text, quantity integer CHECK (quantity < 100), by text, PRIMARY KEY (tenant_id, id)
);
"""
QUERY = "SELECT id, quantity, by FROM read.stock ORDER BY id"
CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def acci_contexts():
    return ("shop",)
"""
TESTS = """
import os

import psycopg
import pytest

import acci
from shop import Product, Receive, Received, Stock, StockRow, WhatThereIs


@pytest.mark.parametrize("number", range(4))
def test_each_test_has_a_database_of_its_own(acci_application, acci_catch_up, number):
    acci_application.send(Receive(product="bolt", quantity=5 + number))
    assert acci_application.query(WhatThereIs()) == []
    acci_catch_up()
    assert acci_application.query(WhatThereIs()) == [StockRow(id="bolt", quantity=5 + number, by="ann")]
    acci_catch_up()
    assert acci_application.load(Product, "bolt").state == Product(stock=5 + number)


def test_both_engines(acci_database):
    history = acci.given(Received(quantity=1, by="ann"), Received(quantity=2, by="bob"))
    history.when_projected(Stock, acci_database).then({"id": "1", "quantity": 3, "by": "bob"})
    with psycopg.connect(acci_database) as connection:
        assert connection.execute("SELECT count(*) FROM acci.events").fetchone() == (0,)


def test_what_is_started_from_the_environment_meets_the_same_database(acci_application, acci_database):
    acci_application.send(Receive(product="bolt", quantity=5))
    assert os.environ["ACCI_DATABASE_URL"] == acci_database
    with acci.Application() as other:
        assert other.load(Product, "bolt", tenant_id="test").version == 1


def test_an_event_that_cannot_be_applied_is_said(acci_application, acci_catch_up):
    acci_application.send(Receive(product="bolt", quantity=100))
    with pytest.raises(AssertionError, match=r"could not be applied:\\n  stock, Received at position \\d+: .*check"):
        acci_catch_up()


def test_a_command(request):
    acci.given(Received(quantity=3, by="ann")).when(Receive(product="bolt", quantity=1)).refused("there are 3.")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "shop/__init__.py": DOMAIN,
        "shop/sql/read_models/stock.sql": TABLE,
        "shop/sql/queries/what_there_is.sql": QUERY,
        "conftest.py": CONFTEST,
        "test_shop.py": TESTS,
        "pytest.ini": "[pytest]\nfilterwarnings = error\npythonpath = .\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> str:
    """What pytest says in the project; the user's own database is one that must not be met."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ACCI_TEST_", "PYTEST_"))}
    own |= {"PYTHONPATH": str(CHECKOUT), "ACCI_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/not-yours"} | environment
    command = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={project / 'run'}"]
    done = subprocess.run(
        [*command, *arguments], cwd=project, env=own, capture_output=True, text=True, check=False, timeout=170
    )
    return done.stdout + done.stderr


def test_the_processes_of_a_run_share_a_server_and_the_last_ends_it(project: Path) -> None:
    said = run(project, "-n", "2")
    assert "8 passed" in said, said
    assert "warning" not in said
    left = sorted(each.name for each in (project / "run" / "acci").iterdir())
    assert left == ["lock", "postgres.log", "used"]
    log = (project / "run" / "acci" / "postgres.log").read_text()
    assert log.count("database system is ready to accept connections") == log.count("database system is shut down")


@pytest.fixture
def own_server(server: SharedServer) -> Iterator[str]:
    """A server's URL, as a user has it: with a database and a query string."""
    with server.database(template="template1") as url:
        yield url + "?application_name=mine"


def test_a_server_of_ones_own_is_left_as_it_was(project: Path, own_server: str) -> None:
    with connect(own_server, "test") as connection:
        # Other processes of this run make and drop theirs meanwhile.
        count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'acci_template%'"
        before = connection.execute(count).fetchone()
        said = run(project, ACCI_TEST_DATABASE_URL=own_server)
        assert "8 passed" in said, said
        assert not (project / "run" / "acci" / "postgres").exists()
        assert connection.execute(count).fetchone() == before


def test_what_cannot_be_had_is_a_sentence(project: Path) -> None:
    said = run(project, "-k", "both", ACCI_TEST_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert re.search(r"^ACCI_TEST_DATABASE_URL: The database at 127\.0\.0\.1:9", said, re.MULTILINE), said
    assert "raise" not in said
    assert "pytest_plugin" not in said
    (project / "conftest.py").write_text(CONFTEST.replace('"shop"', '"shoop"'))
    said = run(project, "-k", "both")
    assert "ACCI_CONTEXTS names shoop: there is no such module." in said


def test_a_project_that_asks_for_nothing_imports_nothing(project: Path) -> None:
    (project / "test_shop.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        "    assert {name for name in sys.modules if name.startswith('acci.store.')} == {\n"
        "        'acci.store.extras', 'acci.store.testing', 'acci.store.testing.pytest_plugin'\n"
        "    }\n"
        "    assert not {'pydantic', 'psycopg'} & sys.modules.keys()\n"
    )
    said = run(project)
    assert "1 passed" in said, said
    assert not (project / "run" / "acci").exists()
