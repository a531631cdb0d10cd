"""`acci config` says what holds and why; `acci url` is what psql takes; neither shows what is secret to a bystander."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.shell import CHECKOUT, acci, command, refusal


def settings(**environment: str) -> dict[str, dict[str, Any]]:
    done = acci("config", "--json", **environment)
    assert done.returncode == 0, done.stderr
    return {each["setting"]: each for each in json.loads(done.stdout)["settings"]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.acci]\ncontexts = ["shop"]\npool-size = 3\n[tool.acci.schedules]\naudit = "off"\n'
    )
    return tmp_path


def test_each_setting_is_shown_with_its_origin(shop: Path) -> None:
    found = settings(ACCI_PROJECT=str(shop), ACCI_HOME="", ACCI_POOL_WAIT="2")
    assert found["contexts"] == {
        "setting": "contexts",
        "variable": "ACCI_CONTEXTS",
        "value": ["shop"],
        "origin": "pyproject.toml [tool.acci] contexts",
    }
    assert (found["pool-size"]["value"], found["pool-size"]["origin"]) == (3, "pyproject.toml [tool.acci] pool-size")
    assert (found["pool-wait"]["value"], found["pool-wait"]["origin"]) == (2.0, "environment ACCI_POOL_WAIT")
    assert (found["home"]["value"], found["home"]["origin"]) == (str(shop / ".acci"), "default")
    assert (found["schedules"]["variable"], found["schedules"]["value"]) == (None, {"audit": "off"})
    shown = acci("config", ACCI_PROJECT=str(shop), ACCI_UNIQUE_EVENT_IDS="no", ACCI_POLL_SIZE="3").stdout
    for said in ("audit = off", "environment ACCI_UNIQUE_EVENT_IDS", f"Project: {shop}", "not known: ACCI_POLL_SIZE."):
        assert said in shown
    assert "Project: none" in acci("config").stdout


@pytest.mark.parametrize("form", [[], ["--json"]], ids=str)
def test_secrets_are_hidden(form: list[str]) -> None:
    secrets = {
        "ACCI_DATABASE_URL": "postgresql://u:s3cret@h/d",
        "ACCI_DIRECT_URL": "host=h password='s3cret'",
        "ACCI_READ_URL": "postgresql://u:s3cret@replica/d",
        "ACCI_KEYS_URL": "postgresql://u@h/d?password=s3cret",
        "ACCI_MASTER_KEY": "s3cret",
        "PREFECT_API_URL": "https://u:s3cret@h/api",
        "PREFECT_API_AUTH_STRING": "u:s3cret",
        "PREFECT_API_KEY": "s3cret",
    }
    done = acci("config", *form, **secrets)
    assert done.returncode == 0
    assert "s3cret" not in done.stdout + done.stderr
    assert done.stdout.count("(hidden)") == 3


@pytest.mark.parametrize("words", [["config"], ["url"], ["status"], ["migrate"], ["deploy"], ["up"]], ids=str)
def test_what_is_wrong_in_the_project_is_a_sentence_of_every_command(shop: Path, words: list[str]) -> None:
    (shop / "pyproject.toml").write_text("[tool.acci]\npool_size = 3\n")
    said = refusal(acci(*words, ACCI_PROJECT=str(shop)))
    assert "has no setting 'pool_size'. Did you mean pool-size?" in said


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config", "--help"]], ids=str)
def test_help_does_not_depend_on_it(shop: Path, words: list[str]) -> None:
    (shop / "pyproject.toml").write_text("[tool.acci\n")
    assert acci(*words, ACCI_PROJECT=str(shop)).returncode == 0


@pytest.mark.parametrize("words", [["up"], ["deploy", "--file", "own.yaml"]], ids=str)
def test_deployments_that_cannot_be_applied_are_refused_before_anything_begins(
    shop: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("prefect.yaml", "own.yaml"):
        (shop / name).write_text("deployments: [{name: new}]")
    (shop / "pyproject.toml").write_text("[tool.acci]\n")
    done = subprocess.run(
        command(words), cwd=shop, env=os.environ | {"ACCI_HOME": ""}, capture_output=True, text=True, check=False
    )
    assert "cannot be applied: new in deployments has no entrypoint." in refusal(done)
    assert not (shop / ".acci").exists()


def test_the_projects_packages_are_found_from_any_folder_of_it(shop: Path, database_url: str) -> None:
    (shop / "shop").mkdir()
    (shop / "shop" / "__init__.py").write_text("from tests.domains.ledger import CONTEXT\n")
    (shop / "deep").mkdir()
    done = subprocess.run(
        command(["status", "--json"]),
        cwd=shop / "deep",
        env=os.environ | {"ACCI_DATABASE_URL": database_url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_address_is_what_psql_takes(database_url: str) -> None:
    address = acci("url", ACCI_DATABASE_URL=database_url).stdout
    with psycopg.connect(address.removesuffix("\n")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert json.loads(acci("url", "--json", ACCI_DATABASE_URL=database_url).stdout) == {"url": database_url}


@pytest.mark.parametrize("form", [[], ["--json"]], ids=str)
def test_a_terminal_does_not_show_the_password(form: list[str]) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"ACCI_DATABASE_URL": "postgresql://u:s3cret@h/d"}
    subprocess.run(command(["url", *form]), cwd=CHECKOUT, env=environment, stdout=theirs, check=True)
    shown = os.read(ours, 1000).decode()
    os.close(ours)
    os.close(theirs)
    assert "postgresql://u:***@h/d" in shown


def test_without_a_database_there_is_no_address(tmp_path: Path) -> None:
    assert "Start the one with `acci up`" in refusal(acci("url", ACCI_HOME=str(tmp_path)))
