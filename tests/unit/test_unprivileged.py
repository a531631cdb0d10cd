"""Who runs the embedded PostgreSQL, and what is said where nobody can."""

import os
import sys
from pathlib import Path

import pytest

from acci.store.embedded.account import TIMED_OUT, Account, ForeignData, NoSystemUser

IS_ROOT = os.geteuid() == 0


def test_never_root(tmp_path: Path) -> None:
    assert Account.for_data(tmp_path / "none-yet").uid != 0


@pytest.mark.skipif(IS_ROOT, reason="root takes a system user")
def test_an_ordinary_user_runs_it_themselves(tmp_path: Path) -> None:
    assert Account.for_data(tmp_path / "none-yet") == Account(os.geteuid(), os.getegid())


@pytest.mark.skipif(IS_ROOT, reason="nothing is foreign to root")
def test_data_of_another_user_is_refused() -> None:
    with pytest.raises(ForeignData, match="'root'"):
        Account.for_data(Path("/"))


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
def test_under_root_the_owner_of_the_data_runs_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    account = Account.for_data(tmp_path / "none-yet")
    account.give(data)
    assert Account.for_data(data) == account
    done = account.run([sys.executable, "-c", "import os; print(os.geteuid())"], tmp_path, 30)
    assert (done.stdout.strip(), done.returncode) == (str(account.uid), 0)


def test_without_setpriv_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSystemUser, match=r"setpriv .* is missing"):
        Account(os.geteuid() + 1, os.getegid()).run(["true"], tmp_path, 30)


def test_the_callers_postgres_variables_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    account = Account.for_data(tmp_path / "none-yet")
    done = account.run([sys.executable, "-c", "import os; print(os.environ.get('PGPORT'))"], tmp_path, 30)
    assert done.stdout.strip() == "None"


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    account = Account.for_data(tmp_path / "none-yet")
    done = account.run([sys.executable, "-c", "import time; time.sleep(99)"], tmp_path, 0.5)
    assert (done.returncode, done.stdout) == (TIMED_OUT, "not done after 0 s")
