"""The environment of Prefect commands: what is passed on and what is not."""

import os
from dataclasses import replace
from pathlib import Path

import pydantic
import pytest

from acci.flows.local.environment import prefect_environment
from acci.flows.local.inherited_environment import IMPORTED_FROM
from acci.flows.local.prefect_login import Access
from acci.store.settings import CHECKOUT, Settings

ACCESS = Access("http://h/api", "acci:secret")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"ACCI_HOME": str(tmp_path)})


def test_telemetry_is_off(settings: Settings) -> None:
    environment = prefect_environment(settings, ACCESS, None)
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_prefects_processes_log_in_the_format_of_the_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [name for name in prefect_environment(settings, ACCESS, None) if "FORMATTER" in name]
    as_json = replace(settings, log_format="json")
    for database_url in (None, "postgresql://u:p@h:1/prefect"):
        environment = prefect_environment(as_json, ACCESS, database_url)
        assert environment["PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER"] == "json"
        assert environment["PREFECT_LOGGING_FORMATTERS_JSON_CLASS"] == "acci.store.application.json_logs.JsonFormatter"
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER", "debug")
    environment = prefect_environment(as_json, ACCESS, None)
    assert environment["PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER"] == "debug"


def test_the_server_keeps_its_records_in_the_database_it_is_given(settings: Settings) -> None:
    environment = prefect_environment(settings, ACCESS, "postgresql://u:p@h:1/prefect")
    assert environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://u:p@h:1/prefect?ssl=disable"
    assert environment["PREFECT_API_URL"] == "http://h/api"


def test_what_was_set_for_another_server_does_not_reach_ours(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "PROFILE", "API_KEY", "SERVER_API_BASE_PATH", "API_DATABASE_CONNECTION_URL", "TEST_MODE"):
        monkeypatch.setenv(f"PREFECT_{name}", "somebody's")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    ours = prefect_environment(settings, ACCESS, "postgresql://u:p@h:1/prefect")
    assert "somebody's" not in ours.values()
    assert ours["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    theirs = prefect_environment(settings, ACCESS, None)
    assert theirs["PREFECT_PROFILE"] == "somebody's"


def test_the_users_settings_are_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "30")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "of:another")
    monkeypatch.setenv("PREFECT_API_KEY", "of-another")
    environment = prefect_environment(settings, ACCESS, None)
    assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "30"
    assert environment["PREFECT_API_URL"] == "http://h/api"
    assert environment["PREFECT_API_AUTH_STRING"] == "acci:secret"
    assert "PREFECT_API_KEY" not in environment


@pytest.mark.parametrize("name", ["CSRF_PROTECTION_ENABLED", "CORS_ALLOWED_ORIGINS"])
@pytest.mark.parametrize("prefix", ["PREFECT_SERVER_", "PREFECT_SERVER_API_"])
def test_the_environment_cannot_open_our_own_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, prefix: str, name: str
) -> None:
    monkeypatch.setenv(f"{prefix}{name}", "false")
    for variable, value in prefect_environment(settings, ACCESS, "postgresql://h/prefect").items():
        monkeypatch.setenv(variable, value)
    from prefect.settings.models.server.api import ServerAPISettings

    found = ServerAPISettings()
    assert found.auth_string is not None
    assert found.auth_string.get_secret_value() == "acci:secret"
    assert found.csrf_protection_enabled is True
    assert found.cors_allowed_origins == "http://h"


def test_a_server_of_the_users_own_gets_no_protection_settings(settings: Settings) -> None:
    assert not [name for name in prefect_environment(settings, ACCESS, None) if name.startswith("PREFECT_SERVER_API_")]


def test_other_packages_do_not_shadow_needed_ones(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile, own, plain = tmp_path / "hostile", tmp_path / "own", tmp_path / "plain"
    for package in (hostile / "pydantic", own / "shop", own / "acci", plain / "nobody_needs_this"):
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (hostile, own, plain, tmp_path / "none"))))
    wanted = replace(settings, contexts=("acci.domain.users", "shop.orders"))
    path = prefect_environment(wanted, ACCESS, None)["PYTHONPATH"].split(os.pathsep)
    assert path == list(map(str, (IMPORTED_FROM, own, plain, tmp_path / "none")))


def test_what_is_started_belongs_to_the_same_project_and_imports_it_after_what_is_installed(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    ours = prefect_environment(settings, ACCESS, None)
    assert ours["ACCI_PROJECT"] == str(CHECKOUT)
    assert "PYTHONPATH" not in ours
    (tmp_path / "pydantic").mkdir()
    (tmp_path / "pydantic" / "__init__.py").touch()
    chosen = prefect_environment(replace(settings, project=tmp_path), ACCESS, None)
    assert chosen["ACCI_PROJECT"] == str(tmp_path)
    installed = Path(pydantic.__file__).parents[1]
    assert chosen["PYTHONPATH"].split(os.pathsep) == list(map(str, (IMPORTED_FROM, installed, tmp_path)))
    for name in ("ACCI_PROJECT", "ACCI_HOME"):
        monkeypatch.setenv(name, ours[name])
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment().project is None
