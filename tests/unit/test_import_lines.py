"""Files as they come: every line is read or refused by its number, and the place is always between two records."""

from pathlib import Path

import pytest

from acci.store.importing import lines
from acci.store.importing.lines import Line, Place, csv_header, read_csv, read_ndjson
from acci.store.importing.problems import Rejected, UnreadableFile


def ndjson(folder: Path, content: bytes) -> list[Line | Rejected]:
    path = folder / "file.ndjson"
    path.write_bytes(content)
    place = Place()
    with path.open("rb") as file:
        found = list(read_ndjson(file, place))
    assert place.offset == len(content)
    return found


def rows(folder: Path, content: bytes, delimiter: str = ",") -> list[Line | Rejected]:
    path = folder / "file.csv"
    path.write_bytes(content)
    with path.open("rb") as file:
        header, place = csv_header(file, delimiter, path)
        found = list(read_csv(file, place, delimiter, header))
    assert place.offset == len(content)
    return found


def test_objects_and_blank_lines(tmp_path: Path) -> None:
    found = ndjson(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": "\xc3\xa9"}')
    assert found == [Line(1, {"a": 1}), Line(4, {"a": "é"})]


def test_an_empty_file(tmp_path: Path) -> None:
    assert ndjson(tmp_path, b"") == []


def test_bad_lines_leave_their_neighbours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    good = b'{"a": 1}\n'
    bad = [
        b"nonsense\n",
        b'{"a": "\xff"}\n',
        b'{"a": "' + b"x" * 5000 + b'"}\n',
        b'{"a": NaN}\n',
        b"[" * 900 + b"\n",
        b"\0\n",
        b'{"a": 1}{"a": 2}\n',
    ]
    found = ndjson(tmp_path, good + b"".join(line + good for line in bad))
    assert [line.number for line in found if isinstance(line, Line)] == list(range(1, 16, 2))
    reasons = {line.number: line.reason for line in found if isinstance(line, Rejected)}
    assert list(reasons) == list(range(2, 15, 2))
    assert "not UTF-8 (byte 8 of the line)" in reasons[4]
    assert "longer than 1,000 bytes" in reasons[6]
    assert "NaN" in reasons[8]


def test_an_endless_line_is_skipped_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 64)
    assert [type(line) for line in ndjson(tmp_path, b"x" * 100_000)] == [Rejected]


def test_csv_rows(tmp_path: Path) -> None:
    found = rows(tmp_path, b'\xef\xbb\xbfa,b\r\n1,"x, ""y""\r\nz"\r\n\r\n2,\xc3\xa9\r\n')
    assert found == [Line(2, {"a": "1", "b": 'x, "y"\r\nz'}), Line(5, {"a": "2", "b": "é"})]


def test_another_delimiter(tmp_path: Path) -> None:
    assert rows(tmp_path, b"a;b\n1;2,5\n", ";") == [Line(2, {"a": "1", "b": "2,5"})]


def test_bad_rows_leave_their_neighbours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    bad = [b"1\n", b"1,2,3\n", b'"x"y,2\n', b"1,\xff\n", b"1," + b"x" * 2000 + b"\n"]
    found = rows(tmp_path, b"a,b\n" + b"".join(line + b"1,2\n" for line in bad))
    assert [line.number for line in found if isinstance(line, Line)] == [3, 5, 7, 9, 11]
    reasons = {line.number: line.reason for line in found if isinstance(line, Rejected)}
    assert reasons[2] == "it has 1 cells, and the header 2"
    assert reasons[4] == "it has 3 cells, and the header 2"
    assert reasons[6].startswith("it is no CSV: ")
    assert reasons[8] == "it is not UTF-8 (byte 3 of the line)"
    assert reasons[10] == "it is longer than 1,000 bytes"


def test_an_open_quote_swallows_no_other_row(tmp_path: Path) -> None:
    first, quoted, last = rows(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n')
    assert (first, last) == (Line(2, {"a": "1", "b": "2"}), Line(4, {"a": "5", "b": "6"}))
    assert isinstance(quoted, Rejected)
    assert quoted.number == 3
    assert "a quote in it is not closed, or else it is no CSV: unexpected end of data" in quoted.reason


@pytest.mark.parametrize("content", [b'1,"2\n3,4\n5,6"\n7,8\n', b'1,"2\n3,4\n5,"6\n7,8\n', b'"1,2\n3,4\n5,6"\n7,8\n'])
def test_a_quote_that_another_row_closes_swallows_no_row_that_fits(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n" + content)
    with path.open("rb") as file:
        header, place = csv_header(file, ",", path)
        found = list(read_csv(file, place, ",", header, lambda line: line.record["a"].isdecimal()))
    assert isinstance(found[0], Rejected)
    assert Line(3, {"a": "3", "b": "4"}) in found
    assert found[-1] == Line(5, {"a": "7", "b": "8"})


def test_a_text_of_several_lines_is_one(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b'a,b\n1,"Dear Ann,\nthanks, bye\nBob"\n2,3\n')
    with path.open("rb") as file:
        header, place = csv_header(file, ",", path)
        found = list(read_csv(file, place, ",", header, lambda line: line.record["a"].isdecimal()))
    assert found == [Line(2, {"a": "1", "b": "Dear Ann,\nthanks, bye\nBob"}), Line(5, {"a": "2", "b": "3"})]


def test_reading_goes_on_from_any_place(tmp_path: Path) -> None:
    content = b'a,b\n1,2\n3,"4\n4"\n\n5,6\n'
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    whole = rows(tmp_path, content)
    with path.open("rb") as file:
        header, place = csv_header(file, ",", path)
        found: list[Line | Rejected] = []
        while place.offset < len(content):
            resumed = Place(place.lines, place.offset)
            found.append(next(read_csv(file, resumed, ",", header)))
            place = resumed
    assert found == whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its first line has to name the columns"),
        (b"\n1,2\n", "its first line has to name the columns"),
        (b"a,b,a\n", "names the column 'a' more than once"),
        (b"\xffa,b\n", "not UTF-8"),
        (b'"a,b\n', "is no CSV header"),
    ],
)
def test_no_header(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        rows(tmp_path, content)
