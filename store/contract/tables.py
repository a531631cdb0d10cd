"""Tables: the columns that a read model's SQL file says, without a database to ask."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A comment, a quoted text of any kind, a word, or one other character.
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|[eE]?'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"|\w+|[<>=!|&@#~*/+%^-]+|\S",
    re.DOTALL,
)
_OF_TABLE = {"constraint", "primary", "foreign", "unique", "check", "exclude", "like"}
_AFTER_TYPE = {
    "constraint", "not", "null", "default", "primary", "unique", "check", "references", "generated", "collate",
}  # fmt: skip


@dataclass(frozen=True)
class TableColumn:
    """A column as the SQL file writes it: `clauses` is what follows its type."""

    name: str
    type: str
    nullable: bool
    clauses: str


@dataclass(frozen=True)
class TableText:
    """What the SQL file says: the table's columns in order, and all the rest of it, statement by statement.

    No columns: the file makes the table in a way that only PostgreSQL can read.
    """

    columns: tuple[TableColumn, ...]
    rest: tuple[str, ...]


def read_table(text: str, name: str, key: tuple[str, ...]) -> TableText:
    """Read the `CREATE TABLE` of that name."""
    words = [found[0] for found in _TOKEN.finditer(text) if not found[0].startswith(("--", "/*"))]
    begin = _begin(words, name)
    if begin is None:
        return TableText((), _statements(words))
    parts = list(_parts(words, begin))
    end = begin + sum(map(len, parts)) + len(parts) + 1
    of_table = [part for part in parts if part[:1] and part[0].lower() in _OF_TABLE]
    own = [part for part in parts if part[:1] and part not in of_table]
    columns = () if any(part[0].lower() == "like" for part in of_table) else tuple(_column(each, key) for each in own)
    return TableText(columns, (*map(_joined, of_table), *_statements([*words[:begin], *words[end:]])))


def _begin(words: list[str], name: str) -> int | None:
    """The place of the parenthesis that opens the table's columns."""
    lowered = [word.lower() for word in words]
    for place, word in enumerate(lowered):
        if word != "table" or "create" not in lowered[max(0, place - 2) : place]:
            continue
        at = place + (4 if lowered[place + 1 : place + 4] == ["if", "not", "exists"] else 1)
        if [_name(each) for each in words[at : at + 1]] == [name] and words[at + 1 : at + 2] == ["("]:
            return at + 1
    return None


def _parts(words: list[str], begin: int) -> Iterator[list[str]]:
    """What stands between the commas of the parentheses that open at `begin`."""
    depth, part = 0, list[str]()
    for word in words[begin + 1 :]:
        if not depth and word in (",", ")"):
            yield part
            if word == ")":
                return
            part = []
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
        part.append(word)


def _column(part: list[str], key: tuple[str, ...]) -> TableColumn:
    words = [word.lower() for word in part]
    end = next((place for place, word in enumerate(words) if place and word in _AFTER_TYPE), len(words))
    name, clauses = _name(part[0]), words[end:]
    required = ["not", "null"] in [clauses[at : at + 2] for at in range(len(clauses))] or "primary" in clauses
    return TableColumn(name, _joined(words[1:end]), not required and name not in key, _joined(part[end:]))


def _statements(words: list[str]) -> tuple[str, ...]:
    found, statement = [], list[str]()
    for word in (*words, ";"):
        if word != ";":
            statement.append(word)
        elif statement:
            found.append(_joined(statement))
            statement = []
    return tuple(found)


def _name(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def _joined(words: list[str]) -> str:
    text = re.sub(r"(?<=[(\[.]) | (?=[),\].])", "", " ".join(words))
    return re.sub(r"(?<=[\w)\]]) (?=\[)|(?<=\w) (?=\()", "", text)
