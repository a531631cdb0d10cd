"""Log files, from which a person can be erased."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from acci.store.embedded import log_files


def test_texts_are_overwritten_in_place(tmp_path: Path) -> None:
    log, other = tmp_path / "a.log", tmp_path / "a.old.log"
    log.write_text("one Ännchen, two Ännchen\nthree\n")
    other.write_text("nothing\n")
    with log.open("a") as writer:
        assert log_files.containing(tmp_path, ["Ännchen"]) == {"a.log": 2}
        assert log_files.overwrite(tmp_path, ["Ännchen"]) == {"a.log": 2}
        writer.write("four\n")
    assert log.read_text() == "one ********, two ********\nthree\nfour\n"
    assert other.read_text() == "nothing\n"
    assert log_files.containing(tmp_path, ["Ännchen"]) == {}


def test_where_there_are_no_logs_nothing_is_said(tmp_path: Path) -> None:
    assert log_files.overwrite(tmp_path / "none", ["Ann"]) == {}
    assert log_files.containing(tmp_path / "none", ["Ann"]) == {}


@given(st.text("ab\n", max_size=60), st.lists(st.text("ab", min_size=1, max_size=4), max_size=4))
def test_nothing_is_left_and_nothing_moves(tmp_path_factory, content: str, texts: list[str]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("logs")
    (folder / "a.log").write_text(content)
    texts.sort(key=len, reverse=True)
    log_files.overwrite(folder, texts)
    after = (folder / "a.log").read_text()
    assert log_files.containing(folder, texts) == {}
    assert len(after) == len(content)
    assert all(now in (was, "*") for was, now in zip(content, after, strict=True))
