"""The results of the documentation's examples: the rows and answers of the shop, the payloads of upcasters."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from acci import given
from acci.domain.contexts import Context
from acci.domain.effects import Cancel, Message, Send
from acci.domain.events import EventData
from acci.domain.upcasting import check_upcasters, upcast
from acci.store.postgres.database import Connection
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.support.pages import blocks
from tests.support.shell import CHECKOUT, acci, refusal

GUIDES = CHECKOUT / "docs" / "guides"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder above the package that the guide shows, file by file."""
    for block in blocks(GUIDES / "write-a-domain.md"):
        if block.file:
            file = tmp_path / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)  # another test's, of the same name
    return tmp_path


def test_the_domain_of_the_guide(connection: Connection, database_url: str, shop: Path) -> None:
    place = {
        "ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "acci.domain.users,shop", "PYTHONPATH": f"{shop}:{CHECKOUT}"
    }  # fmt: skip
    sender = ("--tenant", "t1", "--user", "me")
    sent = acci("send", "AddItem", *sender, '{"item": "bolt", "title": "Bolt M6"}', **place)
    assert sent.stdout == "ItemAdded, version 1 of bolt, at position 1\n", sent.stderr
    for count in (5, 7, -4):
        assert acci("send", "MoveStock", *sender, json.dumps({"item": "bolt", "count": count}), **place).returncode == 0
    few = acci("send", "MoveStock", *sender, '{"item": "bolt", "count": -9}', **place)
    assert refusal(few) == "MoveStock was refused for 'bolt': there are 8."

    catalogue = load(["acci.domain.users", "shop"])
    for projection in catalogue.projections.values():
        build.rebuild(connection, catalogue, projection)
    asked = acci("query", "low_stock", "--tenant", "t1", "--json", **place)
    assert json.loads(asked.stdout) == [{"id": "bolt", "title": "Bolt M6", "on_hand": 8}]
    assert connection.execute("SELECT on_hand, most FROM read.peaks").fetchall() == [(8, 12)]
    assert catalogue.suites["stock"].expectations


def test_the_upcasters_of_the_guide() -> None:
    (text,) = (block.text for block in blocks(GUIDES / "upcasting.md") if "class PersonMoved" in block.text)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(text, names)  # noqa: S102 what the guide says
    moved: type[EventData] = names["PersonMoved"]
    check_upcasters(moved)
    Context(name="x", sql=Path(), events=(moved,))
    old = json.dumps({"town": "Delft", "address": "Langweg, 3"})
    assert json.loads(upcast(moved, 1, old)) == {"city": "Delft", "country": "NL", "street": "Langweg", "number": "3"}


def test_the_process_manager_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (block for block in blocks(GUIDES / "reactions.md") if block.file)
    file = tmp_path / str(block.file)
    file.parent.mkdir()
    file.write_text(block.text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    shown = importlib.import_module("orders")
    placed, paid = shown.OrderPlaced(customer="ann", amount=3), shown.OrderPaid(order="1")
    given(placed).when(paid).then(Cancel("payment"), Send(shown.ShipOrder(order="1")))
    given(placed).when_fired("payment").then(Message("reminders", {"order": "1"}))
    refused = given(placed, paid).when_refused(shown.ShipOrder, "it is gone.")
    refused.then(Message("team", {"order": "1", "why": "it is gone."}))
