"""The wheel, in an empty environment and an empty folder, used by a project with a package `domain` of its own."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.shell import CHECKOUT

DOMAIN = '''"""Of the user's own, by the name that most give it."""

from pathlib import Path

import acci


class Opened(acci.EventData):
    owner: str


class Shops(acci.Projection):
    key = ("tenant_id", "id")

    @acci.on(Opened)
    def opened(self, event: acci.Event[Opened]) -> acci.Insert:
        return acci.Insert(id=event.aggregate_id, owner=event.data.owner)


CONTEXT = acci.Context("shops", Path(__file__).parent / "sql", events=(Opened,), projections=(Shops,))
'''
TABLE = """CREATE TABLE shops (
    tenant_id text NOT NULL, id text NOT NULL, owner text NOT NULL, PRIMARY KEY (tenant_id, id)
);
"""
USING = """
import acci, domain
from acci.store.settings import Settings
from acci.store.postgres.statements import SQL
assert domain.__file__.startswith({folder!r}), domain.__file__
assert acci.__file__.startswith({environment!r}), acci.__file__
assert acci.__version__ == "0.1.0"
assert (SQL / "migrations").is_dir()
"""


WHEEL = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir")
INSTALL = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-compile")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what the lock file pins, and the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = _run("git", "ls-files", "-co", "--exclude-standard", cwd=CHECKOUT).split("\n")
    for name in filter(None, tracked):
        if not name.startswith("tests/") and (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((CHECKOUT / name).read_bytes())
    _run(sys.executable, *WHEEL, folder, ".", cwd=source)
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    _run(python, *INSTALL, "-r", CHECKOUT / "requirements.txt", cwd=folder)
    _run(python, *INSTALL, next(folder.glob("acci-*.whl")), cwd=folder)
    return folder / "venv"


def _run(*words: str | Path, cwd: Path) -> str:
    # Packages that are found elsewhere would not be installed.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_the_wheel_works_without_the_checkout(environment: Path, tmp_path: Path, database_url: str) -> None:
    project = tmp_path / "project"
    (project / "domain" / "sql" / "read_models").mkdir(parents=True)
    (project / "domain" / "__init__.py").write_text(DOMAIN)
    (project / "domain" / "sql" / "read_models" / "shops.sql").write_text(TABLE)
    own = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "domain,acci.domain.users", "PYTHONPATH": str(project)}

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            [environment / "bin" / arguments[0], *arguments[1:]],
            cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("python", "-c", USING.format(folder=str(project), environment=str(environment)))
    assert "status" in run("acci", "--help")
    run("acci", "migrate")
    assert "shops" in run("acci", "status")
    listed = "import prefect.utilities.importtools as i, yaml, acci, pathlib;"
    listed += (
        "found = yaml.safe_load((pathlib.Path(acci.__file__).parent / 'prefect.yaml').read_text())['deployments'];"
    )
    listed += "[print(i.import_object(each['entrypoint']).name) for each in found]"
    assert "catch-up" in run("python", "-c", listed)
    assert "Completed: 1 of 1 projections" in run("acci", "run", "catch-up", "shops")
