"""The pages of the site, laid out in one folder: those of `docs/`, those of the root, and those that are made."""

import re
import shutil
from pathlib import Path

from tests.site.audits_page import audits
from tests.site.cli_page import cli
from tests.site.metrics_page import metrics
from tests.site.problems_page import http_problems
from tests.site.python_pages import errors, python_api, verbs_and_functions

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OF_THE_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
MADE = {
    "reference/cli.md": cli,
    "reference/metrics.md": metrics,
    "reference/audits.md": audits,
    "reference/verbs-and-functions.md": verbs_and_functions,
    "reference/python-api.md": python_api,
    "reference/errors.md": errors,
    "reference/http-problems.md": http_problems,
}
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def written() -> dict[str, Path]:
    """The pages that are files of the repository, by their place in the site."""
    pages = {str(file.relative_to(DOCS)): file for file in sorted(DOCS.rglob("*.md"))}
    return pages | {there: ROOT / here for here, there in OF_THE_ROOT.items()}


def lay_out(target: Path) -> None:
    """Afterwards `target` has every page, with links that hold there, and the pictures."""
    shutil.rmtree(target, ignore_errors=True)
    for place, file in written().items():
        _write(target / place, for_the_site(file, place))
    for place, make in MADE.items():
        _write(target / place, make())
    shutil.copytree(DOCS / "pictures", target / "pictures")


def for_the_site(file: Path, place: str) -> str:
    """The page without what only tests read, and with its links as the site has them."""

    def link(found: re.Match[str]) -> str:
        mark, text, address = found.groups()
        if re.match(r"[a-z]+:|#", address):
            return found[0]
        path, _, anchor = address.partition("#")
        aim = (file.parent / path).resolve()
        there = _place_of(aim)
        if there is None:
            return f"{text} (`{aim.relative_to(ROOT)}`)"
        up = "../" * place.count("/")
        return f"{mark}[{text}]({up}{there}{'#' * bool(anchor)}{anchor})"

    return LINK.sub(link, COMMENT.sub("", file.read_text(encoding="utf-8")))


def _place_of(aim: Path) -> str | None:
    """Where the site has that file of the repository; None if it has it not."""
    if aim.is_relative_to(DOCS):
        return str(aim.relative_to(DOCS))
    return OF_THE_ROOT.get(str(aim.relative_to(ROOT)))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
