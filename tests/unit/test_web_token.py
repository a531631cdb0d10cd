"""The token of `acci serve`: made once, for its owner only."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from acci.flows.local.web_token import UnusableToken, token_file, web_token
from acci.store.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings.from_environment({}), home=tmp_path / "home")


def test_it_is_made_once_and_only_its_owner_can_read_it(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: web_token(settings), range(32)))
    assert len(tokens) == 1
    assert stat.S_IMODE(token_file(settings).stat().st_mode) == 0o600
    assert os.listdir(settings.home) == ["web-token"]  # noqa: PTH208
    assert len(tokens.pop()) >= 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_use_is_refused(settings: Settings, mode: int) -> None:
    web_token(settings)
    token_file(settings).chmod(mode)
    with pytest.raises(UnusableToken, match=f"its mode is {mode:o} instead of 600"):
        web_token(settings)


@pytest.mark.parametrize("content", [b"", b"short\n", b"x" * 2000, b"two words of a certain length", b"\xff" * 30])
def test_what_is_no_token_is_refused(settings: Settings, content: bytes) -> None:
    web_token(settings)
    token_file(settings).write_bytes(content)
    with pytest.raises(UnusableToken, match="one word"):
        web_token(settings)


def test_a_link_or_a_folder_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.home.mkdir()
    token_file(settings).mkdir(mode=0o700)
    with pytest.raises(UnusableToken, match="Is a directory"):
        web_token(settings)
    token_file(settings).rmdir()
    token_file(settings).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableToken):
        web_token(settings)


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableToken, match="Not a directory"):
        web_token(replace(Settings.from_environment({}), home=tmp_path / "file" / "home"))
