"""The pages of the documentation as a test reads them: blocks of code, and the remarks that no reader sees.

A remark stands just before its block:

    <!-- not run: why -->      the block cannot be executed here
    <!-- file: name -->        the block is that file
    <!-- it fails -->          the command ends with an error
    <!-- stays until: text --> the command goes on running, and has said this when the next block begins
    <!-- before                commands that prepare what the page's blocks are run on
    build-read-models          which have this one too
    -->

A block `diff` changes the file of its remark: the lines without + become those without -.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.shell import CHECKOUT

RUN = ("sh", "python", "sql", "toml", "yaml", "csv", "diff")
SHOWN = ("text", "mermaid")
PART = re.compile(
    r"<!-- before\n(?P<before>.*?)-->\n"
    r"|(?:<!-- not run: (?P<why>[^\n]+?) -->\n)?(?:<!-- file: (?P<file>\S+) -->\n)?"
    r"(?:<!-- stays until: (?P<until>[^\n]+?) -->\n)?(?P<fails><!-- it fails -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
NAMED = re.compile(r"(?:#|--) (\S+/\S+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """A block of a page; `language` is `before` for commands that no reader sees."""

    language: str
    text: str
    line: int
    file: str | None = None
    why_not: str | None = None
    until: str | None = None
    fails: bool = False


def all_pages() -> list[Path]:
    return [*sorted((CHECKOUT / "docs").rglob("*.md")), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]


def blocks(page: Path) -> list[Block]:
    """What the page shows as code, in order."""
    return list(_blocks(page.read_text(encoding="utf-8")))


def _blocks(page: str) -> Iterator[Block]:
    for part in PART.finditer(page):
        line = page.count("\n", 0, part.start()) + 1
        if part["before"] is not None:
            yield Block("before", part["before"], line)
            continue
        text, named = part["text"], NAMED.match(part["text"])
        file = part["file"] or (named[1] if named else None)
        yield Block(part["language"], text, line, file, part["why"], part["until"], part["fails"] is not None)


def executed(page: Path, shown: tuple[str, ...] = ()) -> list[Block]:
    """The blocks that are; with what is `shown`, where a test compares that."""
    left_out = set(SHOWN) - set(shown)
    return [block for block in blocks(page) if block.why_not is None and block.language not in left_out]


def is_of_the_tutorial(page: Path) -> bool:
    """Its pages are one session: tests/tutorial executes them in their order."""
    return page.parent.name == "tutorial"


def name_of(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))
