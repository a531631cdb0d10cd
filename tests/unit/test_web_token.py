"""The token of `acci serve`: made once, for its owner only."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acci.flows.local.web_token import UnusableToken, token_file, web_token


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_it_is_made_once_and_only_its_owner_can_read_it(home: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: web_token(home), range(32)))
    assert len(tokens) == 1
    assert stat.S_IMODE(token_file(home).stat().st_mode) == 0o600
    assert os.listdir(home) == ["web-token"]  # noqa: PTH208
    assert len(tokens.pop()) >= 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_use_is_refused(home: Path, mode: int) -> None:
    web_token(home)
    token_file(home).chmod(mode)
    with pytest.raises(UnusableToken, match=f"its mode is {mode:o} instead of 600"):
        web_token(home)


@pytest.mark.parametrize("content", [b"", b"short\n", b"x" * 2000, b"two words of a certain length", b"\xff" * 30])
def test_what_is_no_token_is_refused(home: Path, content: bytes) -> None:
    web_token(home)
    token_file(home).write_bytes(content)
    with pytest.raises(UnusableToken, match="one word"):
        web_token(home)


def test_a_link_or_a_folder_is_refused(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    token_file(home).mkdir(mode=0o700)
    with pytest.raises(UnusableToken, match="Is a directory"):
        web_token(home)
    token_file(home).rmdir()
    token_file(home).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableToken):
        web_token(home)


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableToken, match="Not a directory"):
        web_token(tmp_path / "file" / "home")
