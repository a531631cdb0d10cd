"""The wheel with each extra in an empty environment: as pinned, and with the newest versions that the ranges allow."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.shell import CHECKOUT
from tests.support.wheels import built, run

UV = CHECKOUT / ".venv" / "lock" / "bin" / "uv"
DOMAIN = '''"""A read model without a quality suite, and an event with personal data."""

from pathlib import Path

import acci


class Opened(acci.EventData):
    owner: acci.Personal[str]


class Shops(acci.Projection):
    key = ("tenant_id", "id")

    @acci.on(Opened)
    def opened(self, event: acci.Event[Opened]) -> acci.Insert:
        return acci.Insert(id=event.aggregate_id)


CONTEXT = acci.Context("shops", Path(__file__).parent / "sql", events=(Opened,), projections=(Shops,))
'''
TABLE = "CREATE TABLE shops (tenant_id text NOT NULL, id text NOT NULL, PRIMARY KEY (tenant_id, id));\n"
ANN = '{"user_id": "ann", "email": "a@example.com", "name": "Ann"}'
MOST_PACKAGES, MOST_MEGABYTES = 25, 60
PINNED, NEWEST = "pinned", "newest"


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and some extras, and the database that its programs use."""

    environment: Path
    project: Path
    database_url: str

    def acci(self, *arguments: str, refused: bool = False, **own: str) -> str:
        """What the command prints, on stderr too."""
        return self._done("acci", *arguments, refused=refused, **own)

    def python(self, program: str, **own: str) -> str:
        return self._done("python", "-c", program, refused=False, **own)

    def _done(self, *words: str, refused: bool, **own: str) -> str:
        wanted = {
            "ACCI_DATABASE_URL": self.database_url,
            "ACCI_CONTEXTS": "shops,acci.domain.users",
            "ACCI_HOME": str(self.project / "home"),
            "PYTHONPATH": str(self.project),
        }
        done = subprocess.run(
            [self.environment / "bin" / words[0], *words[1:]],
            cwd=self.project, env=os.environ | wanted | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == (1 if refused else 0), said
        assert "Traceback" not in said, said
        return said


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def install(wheel: Path, tmp_path: Path, database_url: str) -> Callable[[str, str], Installed]:
    """Installs the wheel with extras, such as "flows,quality", in versions that are PINNED or NEWEST."""

    def installed(extras: str, versions: str) -> Installed:
        project, environment = tmp_path / "project", tmp_path / "environment"
        (project / "shops" / "sql" / "read_models").mkdir(parents=True)
        (project / "shops" / "__init__.py").write_text(DOMAIN)
        (project / "shops" / "sql" / "read_models" / "shops.sql").write_text(TABLE)
        wanted = f"acci[{extras}] @ {wheel.as_uri()}" if extras else f"acci @ {wheel.as_uri()}"
        constraints: list[str | Path] = (
            ["--constraint", CHECKOUT / "constraints.txt"] if versions == PINNED else ["--upgrade"]
        )
        run(UV, "venv", "--quiet", "--python", sys.executable, environment, cwd=tmp_path)
        python: list[str | Path] = ["--python", environment / "bin" / "python"]
        run(UV, "pip", "install", "--quiet", "--compile-bytecode", *python, *constraints, wanted, cwd=tmp_path)
        run(UV, "pip", "check", "--quiet", *python, cwd=tmp_path)
        done = Installed(environment, project, database_url)
        done.acci("migrate")
        return done

    return installed


both = pytest.mark.parametrize("versions", [PINNED, NEWEST])
long = pytest.mark.timeout(600)


@both
@long
def test_the_base_is_small_and_sends_and_asks(install: Callable[[str, str], Installed], versions: str) -> None:
    base = install("", versions)
    packages = next((base.environment / "lib").glob("python3*")) / "site-packages"
    assert len(list(packages.glob("*.dist-info"))) <= MOST_PACKAGES
    assert sum(file.lstat().st_size for file in packages.rglob("*") if file.is_file()) <= MOST_MEGABYTES * 1_000_000

    assert "UserCreated" in base.acci("send", "CreateUser", ANN, "--tenant", "acme", "--user", "me")
    assert "UserCreated" in base.acci("history", "ann", "--tenant", "acme")
    assert "user_view" in base.acci("status")
    assert "acci_up 1" in base.acci("metrics")
    examined = base.acci("doctor", refused=True)  # a test's server has fsync off
    assert "acci may append, project, read and administer." in examined
    assert "the extra flows is not installed" in examined
    subprocess.run([sys.executable, "-m", "tests.support.build_read_models"], check=True, env=_own(base))
    assert "Ann" in base.acci("query", "search_users", '{"query": "ann"}', "--tenant", "acme")
    assert "pip install 'acci[flows]'" in base.acci("run", "rebuild", "user_view", refused=True)
    assert "pip install 'acci[projections]'" in base.acci("follow", refused=True)


def _own(base: Installed) -> dict[str, str]:
    return os.environ | {"ACCI_DATABASE_URL": base.database_url, "ACCI_CONTEXTS": "acci.domain.users"}


@both
@long
def test_projections_are_kept_without_prefect(install: Callable[[str, str], Installed], versions: str) -> None:
    kept = install("projections", versions)
    kept.acci("send", "CreateUser", ANN, "--tenant", "acme", "--user", "me")
    kept.python(_FOLLOWED)
    assert "Ann" in kept.acci("query", "search_users", '{"query": "ann"}', "--tenant", "acme")
    assert "No dead letters" in kept.acci("dead-letters", "list")
    assert "no open findings" in kept.acci("findings")


@both
@long
def test_flows_run(install: Callable[[str, str], Installed], versions: str) -> None:
    flows = install("flows", versions)
    assert "Completed: 1 of 1 projections" in flows.acci("run", "catch-up", "shops")
    assert "pip install 'acci[quality]'" in flows.acci("run", "catch-up", "user_view", refused=True)
    assert "pip install 'acci[dask]'" in flows.acci("run", "rebuild", "shops", refused=True, ACCI_DASK="2")


@both
@long
def test_quality_suites_run(install: Callable[[str, str], Installed], versions: str) -> None:
    checked = install("flows,quality", versions)
    checked.acci("send", "CreateUser", ANN, "--tenant", "acme", "--user", "me")
    assert "Completed: 1 of 1 projections" in checked.acci("run", "catch-up", "user_view")
    assert "Completed" in checked.acci("run", "check-quality", "user_view")


@both
@long
def test_the_embedded_server_starts(install: Callable[[str, str], Installed], versions: str) -> None:
    assert "PostgreSQL" in install("embedded", versions).python(_EMBEDDED)


@both
@long
def test_personal_data_is_encrypted(install: Callable[[str, str], Installed], versions: str) -> None:
    assert "acci.personal" in install("encryption", versions).python(_ENCRYPTED)


@both
@long
def test_commands_are_traced(install: Callable[[str, str], Installed], versions: str) -> None:
    traced = install("tracing", versions)
    send = ("send", "CreateUser", ANN, "--tenant", "acme", "--user", "me")
    assert '"acci.tenant_id": "acme"' in traced.acci(*send, OTEL_TRACES_EXPORTER="console")


@both
@long
@pytest.mark.parametrize(
    ("extra", "program"),
    [
        ("web", "import acci.flows.web.serving"),
        ("testing", "import hypothesis, pytest, acci.store.testing.kit"),
        ("dask", "from acci.flows.runtime.task_runners import chosen_runner; print(chosen_runner())"),
        ("all", "import dask, great_expectations, prefect, acci.flows.rebuild"),
    ],
)
def test_what_the_extra_brings_is_there(
    install: Callable[[str, str], Installed], versions: str, extra: str, program: str
) -> None:
    install(extra, versions).python(program, ACCI_DASK="2")


_FOLLOWED = """
import os
from acci.store.postgres.database import connect
from acci.store.projecting.batches import catch_up
from acci.store.rebuilding import build
from acci.store.registry import load
catalogue = load(["acci.domain.users"])
with connect(os.environ["ACCI_DATABASE_URL"], "test") as connection:
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
        catch_up(connection, catalogue, projection)
"""
_EMBEDDED = """
from pathlib import Path
from acci.store.embedded.server import EmbeddedServer
from acci.store.postgres.database import connect
server = EmbeddedServer(Path("server"), Path("log"), durable=False)
try:
    with connect(server.start(0), "test") as connection:
        print(connection.execute("SELECT version()").fetchone())
finally:
    server.stop()
"""
_ENCRYPTED = """
import os
from shops import Opened
from acci.store.encryption.key_store import KeyStore
from acci.store.encryption.payload_encryption import decrypt, encrypt
keys = KeyStore(os.environ["ACCI_DATABASE_URL"])
text = encrypt(Opened, '{"owner": "Ann"}', "acme", "shop", "event", keys)
assert decrypt(text, "event", keys) == '{"owner": "Ann"}'
keys.close()
print(text)
"""
