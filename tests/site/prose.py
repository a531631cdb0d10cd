"""A docstring as Markdown: paragraphs, `name: what it is` lines as a list, indented blocks as code."""

import inspect
import re

ITEM = re.compile(r"([a-z_]+(?:, [a-z_]+)*): (.+)", re.DOTALL)
HEADING = re.compile(r"(Args|Arguments|Returns|Raises|Yields):")


def own_docstring(thing: object) -> str:
    """The docstring that is its own, not that of a class it inherits from; empty if there is none."""
    text = vars(thing).get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if text else ""


def as_markdown(docstring: str) -> str:
    """The docstring's text, ready to stand in a page."""
    blocks = [_block(block) for block in re.split(r"\n\s*\n", docstring.strip("\n")) if block.strip()]
    return "\n\n".join(block for block in blocks if block)


def _block(block: str) -> str:
    lines = block.splitlines()
    if all(line.startswith("    ") for line in lines):
        return "```text\n" + "\n".join(line[4:] for line in lines) + "\n```"
    if HEADING.fullmatch(lines[0].strip()):
        lines = [line.strip() if not line.startswith("        ") else line for line in lines[1:]]
    items = _items(lines)
    return "\n".join(f"- `{name}`: {' '.join(what.split())}" for name, what in items) if items else "\n".join(lines)


def _items(lines: list[str]) -> list[tuple[str, str]]:
    """The names and what they are, if that is all that the lines say."""
    entries: list[str] = []
    for line in lines:
        if ITEM.match(line):
            entries.append(line)
        elif entries:
            entries[-1] += f"\n{line}"
        else:
            return []
    found = [ITEM.fullmatch(entry) for entry in entries]
    return [(match[1].replace(", ", "`, `"), match[2]) for match in found if match]
