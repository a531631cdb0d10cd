"""Which names `acci new` takes, and that what it would make appears whole or not at all."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import acci
from acci import Context
from acci.flows.scaffold import templates
from acci.flows.scaffold.additions import AlreadyThere, NoPlace, Place, add_aggregate, add_reaction, add_read_model
from acci.flows.scaffold.kinds import Addition
from acci.flows.scaffold.names import UnusableName, aggregate_name, package_name, reaction_name, read_model_name
from acci.flows.scaffold.project import FolderInUse, new_project
from acci.store.registry import load

ITEM = """
import acci

class ItemAdded(acci.EventData):
    title: str

class _Base(acci.EventData):
    pass

class Item(acci.Aggregate):
    pass
"""
STOCK = """
import acci
from {package}.aggregates.item import ItemAdded

class Stock(acci.Projection):
    key = ("tenant_id", "id")

    @acci.on(ItemAdded)
    def added(self, event: acci.Event[ItemAdded]) -> acci.Insert:
        return acci.Insert(title=event.data.title)

QUALITY = acci.Suite(Stock, acci.no_rows("false", "Never."))
SAME = QUALITY
"""
INITIAL = """
from pathlib import Path
import acci
from {package} import aggregates, reactions, read_models

CONTEXT = acci.Context.of_packages(__name__, Path(__file__).parent / "sql", aggregates, reactions, read_models)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package whose modules are found by themselves, in `tmp_path`."""
    name = f"shop_{abs(hash(str(tmp_path)))}"
    folder = tmp_path / name
    for each in ("aggregates", "reactions", "read_models"):
        (folder / each).mkdir(parents=True)
        (folder / each / "__init__.py").touch()
    (folder / "__init__.py").write_text(INITIAL.format(package=name))
    (folder / "aggregates" / "item.py").write_text(ITEM)
    (folder / "read_models" / "stock.py").write_text(STOCK.format(package=name))
    monkeypatch.syspath_prepend(tmp_path)
    return name


def place(project: Path, package: str, addition: Addition, context: str | None = None) -> Place:
    return Place.of(project, (package,), load([package]), addition, context)


@pytest.mark.parametrize("name", ["shop", "my-shop", "my_shop", "shop2go"])
def test_a_name_becomes_the_package(name: str) -> None:
    assert package_name(name) == name.replace("-", "_")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "x",
            "Shop",
            "2shop",
            "shop 2",
            "shop-",
            "-shop",
            "my--shop",
            "../shop",
            "shöp",
            "shop\n",
            "a_b",
            "a" * 31,
        ),
        *("class", "json", "acci", "tests", "vendor", "pytest", "pydantic", "prefect", "yaml"),
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableName):
        new_project(name, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["order", "user", "group", "event", "projection", "a_b"])
def test_a_read_model_is_not_named_as_sql_or_acci_name_something(name: str) -> None:
    with pytest.raises(UnusableName):
        read_model_name(name)


@pytest.mark.parametrize("name", ["sales", "sales-by-day", "sales2", "top10_items"])
def test_a_read_models_class_leads_back_to_its_name(name: str) -> None:
    found, kind = read_model_name(name)
    assert re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower() == found == name.replace("-", "_")


@pytest.mark.parametrize("name", ["command", "query", "a" * 27])
def test_neither_is_an_aggregate(name: str) -> None:
    with pytest.raises(UnusableName):
        aggregate_name(name)


@pytest.mark.parametrize("name", ["message", "send", "reaction", "a" * 31])
def test_nor_a_reaction(name: str) -> None:
    with pytest.raises(UnusableName):
        reaction_name(name)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("shop", "file", "link"):
        with pytest.raises(FolderInUse):
            new_project("shop", tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "link", "shop"]
    assert [each.name for each in (tmp_path / "shop").iterdir()] == ["mine"]


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path) -> None:
    before = tmp_path.stat().st_ino
    assert new_project("shop", tmp_path) == tmp_path
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "Makefile").is_file()
    assert not [each for each in tmp_path.parent.iterdir() if each.name.startswith(f".{tmp_path.name}")]


def test_nothing_is_left_of_what_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "FOLDER", tmp_path / "templates")
    (tmp_path / "templates" / "project").mkdir(parents=True)
    (tmp_path / "templates" / "project" / "file.template").write_text("{{nothing}}")
    with pytest.raises(KeyError, match="nothing"):
        new_project("shop", tmp_path / "shop")
    assert [each.name for each in tmp_path.iterdir()] == ["templates"]


def test_each_template_is_rendered_whole() -> None:
    names = "package name Name Title title Event event_module imports article distribution version sources"
    values = dict.fromkeys(f"{names} vendored_row wheel".split(), "value")
    for template in ("project", "aggregate", "read-model", "reaction"):
        for path, content in templates.rendered(template, Path("shop"), values):
            assert "{{" not in content.replace("${{", ""), path
            assert "template" not in path.name


def test_a_context_is_made_of_all_that_its_packages_declare(package: str) -> None:
    context = load([package]).contexts[0]
    assert context.name == package
    assert [each.__name__ for each in context.events] == ["ItemAdded"]
    assert [each.__name__ for each in context.aggregates] == ["Item"]
    assert [each.name for each in context.projections] == ["stock"]
    assert len(context.suites) == 1
    assert Context.of_packages("empty", Path(), ModuleType("empty")).events == ()


def test_what_is_added_is_part_of_the_context_and_no_file_is_changed(package: str, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.py")}
    catalogue = load([package])
    files = add_aggregate(place(tmp_path, package, Addition.AGGREGATE), catalogue, "order")
    assert files == [Path(package, "aggregates", "order.py"), Path("tests", "test_order.py")]
    add_read_model(place(tmp_path, package, Addition.READ_MODEL), catalogue, "sales", None)
    files = add_reaction(place(tmp_path, package, Addition.REACTION), catalogue, "welcome-mail", "ItemAdded")
    assert files == [Path(package, "reactions", "welcome_mail.py"), Path("tests", "test_welcome_mail.py")]
    assert {file: file.read_bytes() for file in before} == before
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
    again = load([package])
    assert "OrderCreated" in again.events
    assert "CreateOrder" in again.commands
    assert {"stock", "sales"} == set(again.projections)
    reaction = again.reactions["welcome_mail"]
    assert reaction.__name__ == "WelcomeMail"
    assert again.events["ItemAdded"] in reaction.handles()
    assert (tmp_path / package / "sql" / "read_models" / "sales.sql").is_file()


def test_a_file_that_is_there_is_not_replaced(package: str, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sales.py").write_text("mine")
    with pytest.raises(AlreadyThere, match=r"test_sales\.py exists already"):
        add_read_model(place(tmp_path, package, Addition.READ_MODEL), load([package]), "sales", None)
    assert not (tmp_path / package / "read_models" / "sales.py").exists()


@pytest.mark.parametrize("name", ["item", "item_added"])
def test_what_is_registered_is_not_added_again(package: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnusableName):
        add_read_model(place(tmp_path, package, Addition.READ_MODEL), load([package]), name, None)
    with pytest.raises(UnusableName):
        add_reaction(place(tmp_path, package, Addition.REACTION), load([package]), name, None)


def test_what_follows_from_no_event_has_no_place(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "aggregates" / "item.py").unlink()
    (tmp_path / package / "read_models" / "stock.py").unlink()
    with pytest.raises(NoPlace, match=r"a new reaction: .* has no event that it could be made of"):
        add_reaction(place(tmp_path, package, Addition.REACTION), load([package]), "welcome", None)


def test_a_project_without_a_place_for_it_is_refused(package: str, tmp_path: Path) -> None:
    with pytest.raises(NoPlace):
        Place.of(tmp_path, ("acci.domain.users",), load(["acci.domain.users"]), Addition.READ_MODEL, None)
    with pytest.raises(acci.AcciError, match="no context named 'other'"):
        place(tmp_path, package, Addition.READ_MODEL, "other")


def test_the_templates_are_package_data() -> None:
    listed = [file for file in templates.FOLDER.rglob("*") if file.is_file()]
    assert {file.suffix for file in listed} == {".template"}
    assert not [part for file in listed for part in file.relative_to(templates.FOLDER).parts if part.startswith(".")]
