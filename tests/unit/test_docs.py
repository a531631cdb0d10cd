"""What the documentation names exists, what exists is named, and each block is executed or says why not."""

import re
from pathlib import Path

import pytest

import acci
from acci.store.importing.mapping import Mapping
from acci.store.importing.sources import Source
from acci.store.settings import PROJECT_VARIABLE
from acci.store.settings.definitions import SETTINGS
from tests.site import checks, cli_page, pages, python_pages
from tests.support.pages import RUN, SHOWN, all_pages, blocks, is_of_the_tutorial, name_of
from tests.support.shell import CHECKOUT

PAGES = pytest.mark.parametrize("page", [*all_pages(), CHECKOUT / "SECURITY.md"], ids=name_of)
SECRET = "a-key-of-this-process"
FOLDERS = ("domain", "store", "sql", "flows", "tests", "docs")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _words(page: Path) -> set[str]:
    return set(re.findall(r"[^\s`'\"(),]+", text_of(page)))


@PAGES
def test_each_block_is_executed_or_says_why_not(page: Path) -> None:
    found = blocks(page)
    assert text_of(page).count("```") == 2 * sum(block.language != "before" for block in found)
    for block in found:
        assert block.language in (*RUN, *SHOWN, "before"), f"line {block.line}: {block.language or 'no language'}"
        if block.language in ("toml", "yaml", "csv", "diff"):
            assert block.file or block.why_not, f"line {block.line}: which file is it?"
        for path in re.findall(r"tests/[\w/.]+\w", block.why_not or ""):
            assert (CHECKOUT / path).exists(), path


@PAGES
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for _, _, address in pages.LINK.findall(checks.CODE.sub("", text_of(page))):
        if re.match(r"[a-z]+:|#", address):
            continue
        path, _, anchor = address.partition("#")
        aim = (page.parent / path).resolve()
        made = aim.is_relative_to(pages.DOCS) and str(aim.relative_to(pages.DOCS)) in pages.MADE
        assert aim.exists() or made, address
        if anchor and not made:
            assert anchor in checks.anchors(text_of(aim)), address


@PAGES
def test_paths_that_a_page_names_exist(page: Path) -> None:
    session = page.parent.glob("*.md") if is_of_the_tutorial(page) else [page]
    made = {block.file for each in session for block in blocks(each)}
    for path in set(re.findall(r"`([\w./-]+)`", text_of(page))) - made:
        if path.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            assert (CHECKOUT / path).exists(), path


@PAGES
def test_commands_that_a_page_names_exist(page: Path) -> None:
    known = cli_page.names()
    known |= {name.rpartition(" ")[0] for name in known if name.count(" ") > 1}  # groups within a group
    groups = {name.partition(" ")[0] for name in known if " " in name}
    inner = {name.rpartition(" ")[0] for name in known if name.count(" ") > 1}
    said = re.findall(r"(?:`|^)acci ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", text_of(page), re.MULTILINE)
    for first, second in said:
        names = {f"{first} {second}".strip()} & (known | groups | inner)
        assert first in known or names, (first, second)


def test_the_readme_is_short() -> None:
    assert len(text_of(CHECKOUT / "README.md").splitlines()) <= 150


def test_every_setting_is_explained() -> None:
    page = text_of(CHECKOUT / "docs/reference/settings.md")
    explained = dict(re.findall(r"^\| `([A-Z_]+)` \|(.*)\|$", page, re.MULTILINE))
    found = {setting.variable: setting for setting in SETTINGS if setting.variable}
    assert explained.keys() == {*found, PROJECT_VARIABLE, "ACCI_TEST_DATABASE_URL"}
    for name, setting in found.items():
        assert ("in the environment only" in explained[name]) == (setting.secret or not setting.in_file), name
        default = setting.default(CHECKOUT.parent / "project")
        for value in default if isinstance(default, tuple) else [default]:
            shown = value.name if isinstance(value, Path) else f"{value:g}" if isinstance(value, float) else value
            assert str(shown or "") in explained[name], name
    assert [setting.key for setting in SETTINGS if not setting.variable] == ["schedules"]
    assert "[tool.acci.schedules]" in page


def test_every_state_of_a_run_is_explained() -> None:
    flows = "\n".join(text_of(file) for file in (CHECKOUT / "flows").glob("*.py"))
    states = set(re.findall(r'(?:Completed|Failed)\(\s*name="(\w+)"', flows))
    explained = set(re.findall(r"^\| `(\w+)`", text_of(CHECKOUT / "docs/reference/run-states.md"), re.MULTILINE))
    assert "Findings" in states
    assert states <= explained


def test_every_key_of_an_import_mapping_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)`", text_of(CHECKOUT / "docs/reference/import-mapping.md"), re.MULTILINE)
    assert explained == [*Mapping.model_fields, *Source.model_fields]


def test_every_public_name_is_documented_on_a_page_of_the_reference() -> None:
    assert python_pages.undocumented() == []
    reference = python_pages.verbs_and_functions() + python_pages.python_api()
    assert [name for name in acci.__all__ if f"### `{name}`" not in reference] == []


def test_the_pages_of_the_site_are_whole_and_say_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCI_MASTER_KEY", SECRET)
    pages.lay_out(tmp_path)
    assert [page for page in tmp_path.rglob("*.md") if {SECRET, str(CHECKOUT)} & _words(page)] == []
    assert checks.problems(tmp_path, pages.DOCS / "zensical.toml") == []
    shown = (tmp_path / "guides" / "common-tasks.md").read_text(encoding="utf-8")
    assert "<!--" not in shown  # what only tests read


def test_problems_of_a_site_are_reported(tmp_path: Path) -> None:
    (tmp_path / "here.md").write_text("# Here\n\n[a](there.md) [b](#nowhere) [c](#here) [d](https://example.com)\n")
    (tmp_path / "lost.md").write_text("# Lost\n")
    config = tmp_path / "zensical.toml"
    config.write_text('[project]\nnav = [{ "Here" = "here.md" }, { "More" = [{ "Gone" = "gone.md" }] }]\n')
    assert checks.problems(tmp_path, config) == [
        "lost.md: is not in the navigation",
        "gone.md: is in the navigation, and does not exist",
        "here.md: the link to there.md leads nowhere",
        "here.md: the link to #nowhere leads nowhere",
    ]


def test_resources_from_other_sites_are_reported(tmp_path: Path) -> None:
    head = '<link rel="canonical" href="https://a.example/"><link rel="stylesheet" href="https://b.example/x.css">'
    (tmp_path / "page.html").write_text(f'{head}<script src="//c.example/y.js"></script><a href="https://d.example">')
    assert checks.outside(tmp_path) == [
        "page.html: loads https://b.example/x.css",
        "page.html: loads //c.example/y.js",
    ]
