"""Fixtures for every test: a PostgreSQL server, a database of its own. The user's own servers are never used."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from acci.domain.projections import Projection
from acci.store.commands.handler import CommandHandler
from acci.store.encryption.key_store import KeyStore
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.registry import Catalogue, load
from tests.domains.bank import ledger as bank
from tests.domains.ledger import CONTEXT
from tests.support.prefect_server import PrefectServer
from tests.support.read_models import CONTEXTS
from tests.support.servers import SharedServer

TESTS = Path(__file__).parent
LEDGER = Catalogue((CONTEXT,))
HOME = Path(tempfile.gettempdir()) / "acci-tests-use-no-home"

# Before anything reads them: tests must use neither the user's database nor the running `acci up` of this checkout.
for name in [name for name in os.environ if name.startswith(("ACCI_", "PREFECT_", "PG", "OTEL_"))]:
    if not name.startswith("ACCI_TEST_"):
        del os.environ[name]
os.environ |= {"ACCI_HOME": str(HOME), "DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false"}
# What tests start finds the domains in `tests`.
os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])])

# A run started by a script in the background ignores Ctrl-C, and so would its child processes.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same cases each time, so that a change is what makes a test fail. `--hypothesis-profile=random` looks for more.
settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("random", database=None, deadline=None)
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)  # or pytest-xdist looks for groups before they are there
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's folder is its marker. Those who use the Prefect server run in one process, so that there is one."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(getattr(pytest.mark, folder))
        if "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("prefect"))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[SharedServer]:
    """The PostgreSQL server of this run; the last of its processes ends it."""
    shared = SharedServer(_run_folder(request.config))
    shared.start()
    try:
        yield shared
    finally:
        shared.leave()


@pytest.fixture
def database_url(server: SharedServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own, with the whole schema; under the marker `bank` with the bank in it."""
    if request.node.get_closest_marker("bank"):
        yield request.getfixturevalue("bank_url")
        return
    with server.database() as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to it."""
    with connect(database_url, "test") as opened:
        yield opened


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A pool of connections to it."""
    with Database(database_url, size=25) as opened:
        yield opened


@pytest.fixture
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    """What most tests project; under the marker `bank` what the bank does."""
    return load(["tests.domains.bank"] if request.node.get_closest_marker("bank") else CONTEXTS)


@pytest.fixture
def store(database: Database) -> EventStore:
    """The events of tests/domains/ledger."""
    return EventStore(database, LEDGER)


@pytest.fixture
def handler(store: EventStore) -> CommandHandler:
    """What handles the commands of tests/domains/ledger."""
    return CommandHandler(store, LEDGER)


@pytest.fixture
def users(catalogue: Catalogue) -> type[Projection]:
    return catalogue.projection("user_view")


@pytest.fixture
def sales(catalogue: Catalogue) -> type[Projection]:
    """Its rows count and sum: an event that is applied twice shows."""
    return catalogue.projection("daily_sales")


@pytest.fixture
def empty_database_url(server: SharedServer) -> Iterator[str]:
    """A database of the test's own, with nothing in it."""
    with server.database(template="template1") as url:
        yield url


@pytest.fixture
def keys_url(empty_database_url: str) -> str:
    """The database of a key store of the test's own, apart from its log."""
    return empty_database_url


@pytest.fixture
def keys(keys_url: str) -> Iterator[KeyStore]:
    """The key store in it."""
    store = KeyStore(keys_url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def bank_template(server: SharedServer) -> Iterator[str]:
    """The name of a database with the bank of tests/domains/bank, its read models live."""
    with server.database() as url:
        bank.build(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def bank_url(server: SharedServer, bank_template: str) -> Iterator[str]:
    """A bank of the test's own."""
    with server.database(template=bank_template) as url:
        yield url


@pytest.fixture(scope="session")
def prefect_server(server: SharedServer, request: pytest.FixtureRequest) -> Iterator[PrefectServer]:
    """The Prefect server of this run, on PostgreSQL, with every deployment and a worker."""
    folder = _run_folder(request.config).with_name("prefect")
    folder.mkdir()  # fails if another process of the run has one too
    with server.database(template="template1") as records:
        prefect = PrefectServer(folder, records)
        try:
            prefect.start()
            yield prefect
        finally:
            prefect.stop()


def _run_folder(config: pytest.Config) -> Path:
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return (base.parent if hasattr(config, "workerinput") else base) / "server"
