"""`acci new`: what it makes is well formed, typed, and passes its own tests; also with everything added to it."""

import os
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from acci.flows.scaffold.names import OF_SQL
from acci.store.postgres.database import Connection
from tests.support.shell import CHECKOUT, acci, command, refusal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as it is made."""
    folder = tmp_path_factory.mktemp("new") / "my-shop"
    done = acci("new", "my-shop", "--folder", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """A copy to change, without the wheel."""
    return Path(shutil.copytree(made, tmp_path / "my-shop", ignore=shutil.ignore_patterns("vendor")))


def _in(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("ACCI_HOME", "PYTHONPATH")}
    return subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True, check=False)


def _passes(folder: Path, *module_and_arguments: str) -> None:
    done = _in(folder, sys.executable, "-m", *module_and_arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_that_a_project_needs_is_there(made: Path) -> None:
    found = {str(file.relative_to(made)) for file in made.rglob("*") if file.is_file()}
    assert found >= {
        *("pyproject.toml", "constraints.txt", "Makefile", "README.md", ".gitignore", ".github/workflows/check.yml"),
        *("Dockerfile", "compose.yaml", ".dockerignore", "operations/prometheus.yaml", "operations/grafana/acci.json"),
        *("my_shop/__init__.py", "my_shop/sql/queries/low_stock.sql", "tests/test_stock.py", ".acci/web-token"),
    }
    assert (made / "constraints.txt").read_bytes() == (CHECKOUT / "constraints.txt").read_bytes()
    settings = tomllib.loads((made / "pyproject.toml").read_text())["tool"]
    assert settings["acci"]["contexts"] == ["my_shop"]
    wheel = made / settings["uv"]["sources"]["acci"]["path"]
    names = zipfile.ZipFile(wheel).namelist()
    assert "acci/flows/scaffold/templates/project/dot-gitignore.template" in names
    assert not [name for name in names if name.startswith(("acci/tests", "acci/docs"))]


def test_secrets_are_private_and_not_committed(made: Path) -> None:
    assert stat.S_IMODE((made / ".acci" / "web-token").stat().st_mode) == 0o600
    assert stat.S_IMODE((made / ".acci").stat().st_mode) == 0o700
    assert {"/.acci/", "/.env"} <= set((made / ".gitignore").read_text().splitlines())
    assert {".acci", ".env"} <= set((made / ".dockerignore").read_text().splitlines())


def test_containers_and_integration_are_declared(made: Path) -> None:
    services = yaml.safe_load((made / "compose.yaml").read_text())["services"]
    wanted = {"postgres", "prefect", "deploy", "worker", "web", "metrics", "prometheus", "grafana"}
    assert services.keys() == wanted
    assert services["worker"]["deploy"]["replicas"] == 2
    known = acci("--help").stdout
    for service in services.values():
        if (words := service.get("command", [""]))[0] == "acci":
            assert f"  {words[1]} " in known
    for each in services.values():
        for volume in each.get("volumes", ()):
            if volume.startswith("./"):
                assert (made / volume.partition(":")[0]).exists(), volume
    jobs = yaml.safe_load((made / ".github" / "workflows" / "check.yml").read_text())["jobs"]
    assert [step["run"] for step in jobs["check"]["steps"] if "run" in step] == ["make check", "make test"]


@pytest.mark.timeout(300)
def test_with_everything_added_it_is_clean_and_passes_its_own_tests(shop: Path) -> None:
    before = {file: file.read_bytes() for file in shop.rglob("*") if file.is_file()}
    for words in (
        "aggregate order",
        "aggregate account",
        "read-model sales",
        "read-model openings --event AccountCreated",
        "reaction welcome --event AccountCreated",
        "reaction tell-others",
    ):
        kind, name, *more = words.split()
        done = _in(shop, *command(["new", name, "--add", kind, *more]))
        assert done.returncode == 0, done.stderr
    assert {file: file.read_bytes() for file in before} == before
    _passes(shop, "ruff", "check")
    _passes(shop, "ruff", "format", "--check")
    _passes(shop, "mypy")
    _passes(shop, "pytest", "-q", "-p", "no:xdist")


def test_long_names_are_well_formed_too(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    done = acci("new", "a" * 30, "--folder", folder)
    assert done.returncode == 0, done.stderr
    for name, kind in (("zz" * 13, "aggregate"), ("z" * 30, "read-model"), ("y" * 30, "reaction")):
        done = _in(folder, *command(["new", name, "--add", kind]))
        assert done.returncode == 0, done.stderr
    _passes(folder, "ruff", "check")
    _passes(folder, "ruff", "format", "--check")


def test_a_project_is_not_made_over_another(made: Path) -> None:
    assert "is there already and is not empty" in refusal(acci("new", "my-shop", "--folder", made))
    assert "cannot be used: Python has a module of that name" in refusal(acci("new", "json"))


@pytest.mark.parametrize(
    "words",
    ["order --add aggregate --event X", "shop --event X", "shop --context X", "order --add aggregate --folder x"],
)
def test_options_that_do_not_go_together_are_wrong_usage(words: str) -> None:
    done = acci("new", *words.split())
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_words_that_no_table_can_have_are_those_of_postgresql(connection: Connection) -> None:
    found = connection.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetchall()
    assert {word for (word,) in found} == OF_SQL
