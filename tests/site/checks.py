"""What must hold before the site is built, and of what was built."""

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.site.pages import LINK
from tests.site.python_pages import undocumented

CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def problems(pages: Path, config: Path) -> list[str]:
    """Dead links, dead anchors, pages outside the navigation, navigation without pages, undocumented public names."""
    there = {str(file.relative_to(pages)): file.read_text(encoding="utf-8") for file in sorted(pages.rglob("*.md"))}
    listed = list(_listed(tomllib.loads(config.read_text(encoding="utf-8"))["project"]["nav"]))
    found = [f"{page}: is not in the navigation" for page in there if page not in listed]
    found += [f"{page}: is in the navigation, and does not exist" for page in listed if page not in there]
    found += [f"{name}: has no docstring" for name in undocumented()]
    for page, text in there.items():
        found += [f"{page}: the link to {address} leads nowhere" for address in _dead(page, text, there, pages)]
    return found


def outside(html: Path) -> list[str]:
    """What a built page would load from elsewhere."""
    found = []
    for file in sorted(html.rglob("*.html")):
        loads = _Loads()
        loads.feed(file.read_text(encoding="utf-8"))
        found += [f"{file.relative_to(html)}: loads {address}" for address in loads.found]
    return found


class _Loads(HTMLParser):
    """Collects the addresses of other hosts from which a page loads scripts, styles, fonts and pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("href") if tag == "link" and given.get("rel") != "canonical" else given.get("src")
        if address and re.match(r"(https?:)?//", address):
            self.found.append(address)


def _dead(page: str, text: str, there: dict[str, str], pages: Path) -> Iterator[str]:
    for _, _, address in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", address):
            continue
        path, _, anchor = address.partition("#")
        aim = (pages / page).parent.joinpath(path).resolve() if path else (pages / page).resolve()
        name = str(aim.relative_to(pages.resolve())) if aim.is_relative_to(pages.resolve()) else ""
        if not aim.is_file() or (anchor and anchor not in anchors(there.get(name, ""))):
            yield address


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the generator and GitHub make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", CODE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip())
        number = 1
        while (name := slug if number == 1 else f"{slug}_{number - 1}") in found:
            number += 1
        found.add(name)
    return found


def _listed(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from _listed(value)
