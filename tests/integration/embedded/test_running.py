"""One `acci up` a folder, found by others while it runs, and cleaned up after when it was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from acci.flows.local.environment import MARK
from acci.flows.local.instance import AlreadyRunning, NoHome, Running, only_one, prefect_access, running
from acci.flows.local.orphans import end_orphaned_processes
from acci.flows.local.prefect_login import Access
from acci.flows.local.server_protection import own_login
from acci.store.settings import Settings
from tests.support.shell import acci

API, UI = "http://127.0.0.1:1/api", "http://127.0.0.1:1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"ACCI_HOME": str(tmp_path)})


def test_others_find_it_while_it_runs(settings: Settings) -> None:
    assert running(settings) is None
    with only_one(settings, API, UI):
        assert running(settings) == Running(os.getpid(), API, UI)
        assert prefect_access(settings) == Access(API)
        login = own_login(settings)
        assert prefect_access(settings) == Access(API, login)
    assert running(settings) is None
    assert prefect_access(settings) is None


def test_a_named_prefect_server_comes_first(settings: Settings, tmp_path: Path) -> None:
    login = own_login(settings)
    environment = {"ACCI_HOME": str(tmp_path), "PREFECT_API_AUTH_STRING": "of:another", "PREFECT_API_KEY": "k"}

    def found(url: str) -> Access | None:
        return prefect_access(Settings.from_environment(environment | {"PREFECT_API_URL": url}))

    with only_one(settings, API, UI):
        assert found("http://other/api") == Access("http://other/api", "of:another", "k")
        for ours in ("", API, f"{API}/", API.replace("127.0.0.1", "localhost")):
            assert found(ours) == Access(API, login)  # and the login of another server is kept from it
    assert found(API) == Access(API, "of:another", "k")


def test_an_unusable_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    taken = tmp_path / "a file"
    taken.touch()
    done = acci("up", ACCI_HOME=str(taken))
    assert done.returncode == 1
    assert done.stderr == f"acci: {NoHome(str(taken), 'File exists')}\n"


def test_a_second_acci_up_is_refused_with_the_firsts_address(settings: Settings) -> None:
    with only_one(settings, API, UI):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}, {UI}"), only_one(settings, API, UI):
            pytest.fail("two at once")
        assert running(settings) is not None


def test_a_killed_one_is_not_running(settings: Settings, tmp_path: Path) -> None:
    program = (
        "import os, signal; from acci.flows.local.instance import only_one; from acci.store.settings import Settings;"
        "held = only_one(Settings.from_environment(), 'api', 'ui'); held.__enter__();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"ACCI_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert running(settings) is None
    with only_one(settings, API, UI):
        assert running(settings) == Running(os.getpid(), API, UI)


def test_only_processes_of_this_folder_are_ended(settings: Settings) -> None:
    # One that does not end when asked, and one of another folder.
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
    )
    ours = _start(stubborn, str(settings.home))
    spared = _start("print(1, flush=True); import time; time.sleep(99)", str(settings.home))
    others = _start("print(1, flush=True); import time; time.sleep(99)", str(settings.home / "other"))
    try:
        assert end_orphaned_processes(settings, spare=spared.pid) == 1
        ours.wait(timeout=1)
        assert spared.poll() is None
        assert others.poll() is None
        assert end_orphaned_processes(settings) == 1
        spared.wait(timeout=1)
    finally:
        for process in (ours, spared, others):
            process.kill()
            process.communicate()


def _start(program: str, mark: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {MARK: mark}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it is up, and ignores what it means to ignore
    return process


def test_its_files_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    """But an existing folder that the user named keeps its mode."""
    for home, expected in ((tmp_path / "new", 0o700), (tmp_path, 0o755)):
        tmp_path.chmod(0o755)
        with only_one(Settings.from_environment({"ACCI_HOME": str(home)}), API, UI):
            assert home.stat().st_mode & 0o777 == expected
            for name in ("logs", "postgres", "prefect", "tmp"):
                assert (home / name).stat().st_mode & 0o777 == 0o700
