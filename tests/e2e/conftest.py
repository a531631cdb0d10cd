"""What end-to-end tests share: one Prefect server a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server import PrefectServer
from tests.servers import SharedServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those who use the server run in one process, so that there is one server."""
    for item in items:
        if item.path.is_relative_to(HERE) and "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("prefect"))


@pytest.fixture(scope="session")
def prefect_server(server: SharedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server on PostgreSQL, with every deployment and a worker."""
    with server.database(template="template1") as records:
        prefect = PrefectServer(tmp_path_factory.mktemp("prefect"), records)
        try:
            prefect.start()
            yield prefect
        finally:
            prefect.stop()
