"""The wheel, in an empty environment and an empty folder, used by a project with a package `domain` of its own."""

import os
import signal
import subprocess
import venv
from pathlib import Path

import pytest

from acci.flows.local.instance import prefect_access
from acci.flows.local.orphans import end_orphaned_processes
from acci.store.embedded.ports import free_port
from acci.store.embedded.server import EmbeddedServer
from acci.store.settings import Settings
from tests.support.prefect_server import wait_for
from tests.support.shell import CHECKOUT
from tests.support.wheels import built, run

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
import acci
from acci.flows.runtime.session import catalogue
catalogue()
import domain
from acci.store.postgres.statements import SQL
assert domain.__file__.startswith({folder!r}), domain.__file__
assert acci.__file__.startswith({environment!r}), acci.__file__
assert acci.__version__ == "0.1.0"
assert (SQL / "migrations").is_dir()
assert (SQL.parent / "constraints.txt").is_file()
"""

FLOW = """import prefect
from domain import CONTEXT

@prefect.flow
def greet() -> str:
    return CONTEXT.name
"""
SETTINGS = """[tool.acci]
contexts = ["domain"]

[tool.acci.schedules]
catch-up = "15m"
seal = "off"
"""
OWN = """deployments:
  - {name: greet, entrypoint: domain.flows.greet}
  - {name: audit, parameters: {one_in: 2}}
"""
COUNTING = "import sys, psycopg; print(psycopg.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])"
INSTALL = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-compile")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what the lock file pins, and the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built(folder)
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(python, *INSTALL, "-r", CHECKOUT / "requirements.txt", cwd=folder)
    run(python, *INSTALL, wheel, cwd=folder)
    return folder / "venv"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the user's own, by the names that most give, with a flow and schedules of its own."""
    folder = tmp_path / "project"
    (folder / "domain" / "sql" / "read_models").mkdir(parents=True)
    (folder / "domain" / "__init__.py").write_text(DOMAIN)
    (folder / "domain" / "sql" / "read_models" / "shops.sql").write_text(TABLE)
    (folder / "domain" / "flows.py").write_text(FLOW)
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "prefect.yaml").write_text(OWN)
    return folder


class Shell:
    """One in which the wheel's environment is used, in a folder, with no variable set."""

    def __init__(self, environment: Path, folder: Path, **variables: str) -> None:
        self.folder, self._programs = folder, environment / "bin"
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ACCI_HOME")}
        self.variables = own | variables

    def command(self, *words: str | Path) -> list[str | Path]:
        return [self._programs / words[0], *words[1:]]

    def run(self, *words: str | Path) -> str:
        done = subprocess.run(
            self.command(*words), cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.timeout(600)
def test_it_works_without_the_checkout_from_any_folder_of_a_project(
    environment: Path, project: Path, database_url: str
) -> None:
    shell = Shell(environment, project / "domain" / "sql", ACCI_DATABASE_URL=database_url)
    shell.run("python", "-c", USING.format(folder=str(project), environment=str(environment)))
    assert "status" in shell.run("acci", "--help")
    shell.run("acci", "migrate")
    assert "shops" in shell.run("acci", "status")
    listed = "import prefect.utilities.importtools as i, yaml, acci, pathlib;"
    listed += (
        "found = yaml.safe_load((pathlib.Path(acci.__file__).parent / 'prefect.yaml').read_text())['deployments'];"
    )
    listed += "[print(i.import_object(each['entrypoint']).name) for each in found]"
    assert "catch-up" in shell.run("python", "-c", listed)
    assert "Completed: 1 of 1 projections" in shell.run("acci", "run", "catch-up", "shops")
    assert shell.run("acci", "url") == f"{database_url}\n"
    assert (project / ".acci").is_dir()


@pytest.mark.timeout(600)
def test_a_project_is_up_with_its_own_deployments_and_its_home(environment: Path, project: Path) -> None:
    shell, port = Shell(environment, project), free_port()
    said = project / "up.out"
    with said.open("wb") as output:
        up = subprocess.Popen(
            shell.command("acci", "up", "--port", str(port), "--database-port", str(free_port())),
            cwd=project, env=shell.variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    settings = Settings.from_environment({"ACCI_PROJECT": str(project)})
    try:
        wait_for(lambda: up.poll() is not None or "ACCI is up" in said.read_text(), 180, "the project is up")
        assert "ACCI is up" in said.read_text(), said.read_text()
        assert "The first catch-up" not in said.read_text()
        assert settings.home == project / ".acci"
        assert (settings.home / "up.json").is_file()
        assert not list(environment.glob("lib/python3*/site-packages/acci/.acci"))
        assert "shops" in shell.run("acci", "status")
        sql = "SELECT count(*) FROM read.shops"
        assert shell.run("python", "-c", COUNTING, shell.run("acci", "url").strip(), sql) == "0\n"

        access = prefect_access(settings)
        assert access is not None
        with access.client() as client:
            found = {each["name"]: each for each in client.post("/deployments/filter", json={}).json()}
            assert [each["schedule"].get("interval") for each in found["catch-up"]["schedules"]] == [900]
            assert [each["active"] for each in found["seal"]["schedules"]] == [False]
            assert found["audit"]["parameters"]["one_in"] == 2
            path = f"/deployments/{found['greet']['id']}/create_flow_run"
            run = client.post(path, json={}).raise_for_status().json()["id"]

            def state() -> dict[str, str]:
                state: dict[str, str] = client.get(f"/flow_runs/{run}").json()["state"]
                return state

            wait_for(lambda: state()["type"] in ("COMPLETED", "FAILED", "CRASHED"), 120, "the project's own flow ends")
            assert state()["type"] == "COMPLETED", state()["message"]
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0, said.read_text()
    finally:
        up.kill()
        up.wait()
        end_orphaned_processes(settings)
        EmbeddedServer.of(settings).stop()
