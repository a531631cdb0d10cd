"""The login of the Prefect server that ACCI starts: nobody else can know it, and it is kept."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from acci.flows.local.server_protection import closed_to_others, kept_login, login_file, own_login
from acci.store.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"ACCI_HOME": str(tmp_path / "home")})


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_it_is_made_once_and_for_its_user_only(settings: Settings, umask: int) -> None:
    before = os.umask(umask)
    try:
        login = own_login(settings)
    finally:
        os.umask(before)
    assert stat.S_IMODE(login_file(settings).stat().st_mode) == 0o600
    assert own_login(settings) == login == kept_login(login_file(settings))
    assert len(login) > 32


def readable(file: Path) -> None:
    file.chmod(0o640)


def writable(file: Path) -> None:
    file.chmod(0o602)


def empty(file: Path) -> None:
    file.write_text("")


def without_password(file: Path) -> None:
    file.write_text("acci:\n")


def binary(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")


def a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [readable, writable, empty, without_password, binary, a_link])
def test_a_login_that_others_can_read_is_replaced(settings: Settings, spoil: Callable[[Path], None]) -> None:
    login = own_login(settings)
    spoil(login_file(settings))
    assert kept_login(login_file(settings)) is None
    assert own_login(settings) != login
    assert stat.S_IMODE(login_file(settings).lstat().st_mode) == 0o600


def test_a_half_written_login_is_replaced(settings: Settings) -> None:
    settings.home.mkdir()
    login_file(settings).with_name("prefect-login.new").write_text("acc")
    assert own_login(settings) == kept_login(login_file(settings))


def test_each_folder_has_its_own_login(settings: Settings, tmp_path: Path) -> None:
    other = Settings.from_environment({"ACCI_HOME": str(tmp_path / "other")})
    assert own_login(settings) != own_login(other)
    assert closed_to_others() != closed_to_others()


def test_the_login_is_not_in_the_text_of_settings(tmp_path: Path) -> None:
    environment = {"ACCI_HOME": str(tmp_path), "PREFECT_API_AUTH_STRING": "user:s3cret", "PREFECT_API_KEY": "s3cret"}
    settings = Settings.from_environment(environment)
    assert (settings.prefect_login, settings.prefect_key) == ("user:s3cret", "s3cret")
    assert "s3cret" not in repr(settings)
