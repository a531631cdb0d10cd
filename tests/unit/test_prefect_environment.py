"""What the Prefect commands are told, and what they are not."""

from pathlib import Path

import pytest

from flows.local.environment import prefect_environment
from store.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"ACCI_HOME": str(tmp_path)})


def test_nothing_is_told_to_anybody_outside(settings: Settings) -> None:
    environment = prefect_environment(settings, "http://h/api", None)
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_the_server_keeps_its_records_where_it_is_told(settings: Settings) -> None:
    environment = prefect_environment(settings, "http://h/api", "postgresql://u:p@h:1/prefect")
    assert environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://u:p@h:1/prefect"
    assert environment["PREFECT_API_URL"] == "http://h/api"


def test_what_the_user_has_set_stands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "30")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    environment = prefect_environment(settings, "http://h/api", None)
    assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "30"
    assert environment["PREFECT_API_URL"] == "http://h/api"
