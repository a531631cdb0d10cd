"""What the contract says of each kind of change: the verdict, and what to do about it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.personal import Personal
from acci.domain.projections import FoldProjection, Insert, Projection, Upsert, count, on
from acci.domain.projections.python_folds import Row
from acci.domain.quality import Suite, no_rows
from acci.domain.queries import Query
from acci.domain.reactions import Reaction, reacts, refused
from acci.domain.upcasting import Upcaster
from acci.store.contract.changes import Change, Verdict
from acci.store.contract.check import check, exit_code
from acci.store.contract.document import Contract, contract_of
from acci.store.contract.file import text_of
from acci.store.registry import Catalogue, load

TABLE = """
-- Everything that was rented.
CREATE TABLE rentals (
    tenant_id text NOT NULL,
    id        text NOT NULL,
    what      text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
"""


def event(fields: dict[str, Any], name: str = "Rented", **settings: Any) -> type[EventData]:
    annotations = {field: kind if isinstance(kind, tuple) else (kind,) for field, kind in fields.items()}
    body = {field: given[1] for field, given in annotations.items() if len(given) > 1}
    hints = {field: given[0] for field, given in annotations.items()}
    return type(name, (EventData,), {"__module__": __name__, "__annotations__": hints, **body, **settings})


def catalogue(sql: Path, *events: type[EventData], **others: Any) -> Catalogue:
    return load([Context(name="shop", sql=sql, events=events, **others)])


def committed(found: Catalogue, before: Contract | None = None) -> Contract:
    """What is read from the file that is written."""
    return Contract.model_validate_json(text_of(contract_of(found, before)))


def verdicts(changes: Iterable[Change]) -> list[tuple[str, str]]:
    return [(change.verdict.text, change.what) for change in changes]


WAS = {"what": str, "days": int}
UNREAD = "events of version 1 would not be read: "


@pytest.mark.parametrize(
    ("now", "verdict", "what"),
    [
        (event(WAS), None, ""),
        (event({**WAS, "note": (str, "")}), "compatible", "field note is new"),
        (event({"what": str}), "compatible", "field days is gone"),
        (event({**WAS, "days": float}), "compatible", "field days changed"),
        (event({**WAS, "note": str}), "needs an upcaster", f"{UNREAD}note: field required"),
        (event({**WAS, "days": str}), "needs an upcaster", f"{UNREAD}days: input should be a valid string"),
        (event({**WAS, "days": bool}), "needs an upcaster", f"{UNREAD}days: input should be a valid boolean"),
        (event({**WAS, "days": Annotated[int, Field(ge=0)]}), "needs an upcaster", f"{UNREAD}days: input should be"),
        (event({**WAS, "what": Literal["boat"]}), "needs an upcaster", f"{UNREAD}what: input should be 'boat'"),
        (event({"thing": str, "days": int}), "needs an upcaster", f"{UNREAD}thing: field required"),
        (event(WAS, schema_version=2), "needs an upcaster", f"{UNREAD}there is no upcaster from its schema version 1"),
        (
            event({"thing": str, "days": int}, schema_version=2, upcasters=(Upcaster(1, rename={"what": "thing"}),)),
            "compatible",
            "its schema version is 2 now, it was 1",
        ),
        (
            event({**WAS, "note": Literal["x"]}, schema_version=2, upcasters=(Upcaster(1, default={"note": "none"}),)),
            "needs an upcaster",
            f"{UNREAD}note: input should be 'x'",
        ),
        (event(WAS, "Lent", formerly=("Rented",)), "compatible", "it was called Rented"),
        (event(WAS, "Lent"), "needs an upcaster", "no class reads it any more"),
    ],
)
def test_an_event(tmp_path: Path, now: type[EventData], verdict: str | None, what: str) -> None:
    changes = check(committed(catalogue(tmp_path, event(WAS))), catalogue(tmp_path, now))
    found = verdicts(changes)
    if verdict is None:
        assert found == []
        return
    assert found[0][0] == verdict
    assert any(said.startswith(what) for _, said in found), found
    assert exit_code(changes) == (5 if verdict == "needs an upcaster" else 0)
    assert all(bool(change.do) is (change.verdict is not Verdict.COMPATIBLE) for change in changes)


def test_a_retired_event_is_skipped(tmp_path: Path) -> None:
    before = committed(catalogue(tmp_path, event(WAS)))
    assert verdicts(check(before, catalogue(tmp_path, retired=("Rented",)))) == [
        ("compatible", "it is retired: readers skip it")
    ]
    retired = committed(catalogue(tmp_path, retired=("Rented",)))
    assert verdicts(check(retired, catalogue(tmp_path))) == [("needs an upcaster", "it is no longer retired")]


def test_shapes_of_older_versions_stay_in_the_file_and_are_tried_too(tmp_path: Path) -> None:
    first = committed(catalogue(tmp_path, event({"name": str})))
    steps = (Upcaster(1, rename={"name": "what"}), Upcaster(2, default={"days": 1}))
    today = catalogue(tmp_path, event({"what": str, "days": int}, schema_version=3, upcasters=steps))
    second = committed(catalogue(tmp_path, event({"what": str}, schema_version=2, upcasters=steps[:1])), first)
    third = committed(today, second)
    assert list(third.events["Rented"].shapes) == [1, 2, 3]
    assert exit_code(check(third, today)) == 0
    without = catalogue(tmp_path, event({"what": str, "days": int}, schema_version=3, upcasters=steps[1:]))
    changes = check(third, without)
    assert [(change.verdict, change.versions) for change in changes][:1] == [(Verdict.UPCASTER, (1,))]
    assert changes[0].do == "Declare an upcaster from version 1."


def test_an_older_name_that_is_dropped_is_noticed(tmp_path: Path) -> None:
    before = committed(catalogue(tmp_path, event(WAS, formerly=("Lent",))))
    changes = check(before, catalogue(tmp_path, event(WAS)))
    assert verdicts(changes) == [("needs an upcaster", "it is no longer read as Lent")]


def test_personal_data_stays_personal(tmp_path: Path) -> None:
    before = committed(catalogue(tmp_path, event({"name": Personal[str]})))
    changes = check(before, catalogue(tmp_path, event({"name": str})))
    assert verdicts(changes) == [("needs an upcaster", "field name is not personal any more")]
    back = check(
        committed(catalogue(tmp_path, event({"name": str}))), catalogue(tmp_path, event({"name": Personal[str]}))
    )
    assert verdicts(back) == [("compatible", "field name is personal now; what is stored stays as it is")]


def test_a_field_of_which_no_value_can_be_made_up_must_not_change(tmp_path: Path) -> None:
    digits = event({"code": Annotated[str, Field(pattern="^[0-9]{4}-[A-Z]{2}$")]})
    wider = event({"code": Annotated[str, Field(pattern="^[0-9]{4}-[A-Z]{3}$")]})
    before = committed(catalogue(tmp_path, digits))
    assert check(before, catalogue(tmp_path, digits)) == []
    (change,) = check(before, catalogue(tmp_path, wider))
    assert change.verdict is Verdict.UPCASTER
    assert "no value of it could be made up" in change.what


class Rented(EventData):
    what: str


class Returned(EventData):
    pass


def renting(fields: dict[str, Any], name: str = "Rent") -> type[Aggregate]:
    command = type(
        name,
        (CommandData,),
        {"__module__": __name__, "__annotations__": {"id": str, **fields}, "aggregate_id_field": "id"},
    )

    class Rental(Aggregate):
        @decides(command)
        def rent(self, command: Command[Any]) -> Rented | list[Returned]:
            return Rented(what=str(command.id))

    return Rental


@pytest.mark.parametrize(
    ("now", "verdict", "what"),
    [
        (renting({"what": str, "days": int | None}), "compatible", "field days changed"),
        (renting({"what": str, "days": int, "by": str}), "breaks a sender", "what was accepted is refused: by: field"),
        (renting({"what": str}), "breaks a sender", "what was accepted is refused: days: extra inputs"),
        (
            renting({"what": str, "days": Annotated[int, Field(le=9)]}),
            "breaks a sender",
            "what was accepted is refused",
        ),
        (renting({"what": str, "days": int}, "Borrow"), "breaks a sender", "it is gone"),
    ],
)
def test_a_command(tmp_path: Path, now: type[Aggregate], verdict: str, what: str) -> None:
    was = renting({"what": str, "days": int})
    before = committed(catalogue(tmp_path, Rented, Returned, aggregates=(was,)))
    assert before.commands["Rent"].leads_to == ("Rented", "Returned")
    changes = check(before, catalogue(tmp_path, Rented, Returned, aggregates=(now,)))
    assert verdicts(changes)[0][0] == verdict
    assert verdicts(changes)[0][1].startswith(what)
    assert exit_code(changes) == (0 if verdict == "compatible" else 4)


def asking(parameters: dict[str, Any], row: dict[str, Any]) -> type[Query[Any]]:
    of_row = type("Row", (BaseModel,), {"__module__": __name__, "__annotations__": row})
    body = {"__module__": __name__, "__annotations__": {"name": ClassVar[str], **parameters}, "name": "find"}
    return type("Find", (Query[of_row],), body)  # type: ignore[valid-type]


@pytest.mark.parametrize(
    ("now", "verdict", "what"),
    [
        (asking({"what": str}, {"id": str, "days": int, "more": int}), "compatible", "its rows have more too"),
        (asking({"what": str}, {"id": str, "days": int}), "compatible", "its rows' days"),
        (asking({"what": str}, {"id": str}), "breaks a reader", "its rows have no days any more"),
        (asking({"what": str}, {"id": int, "days": int}), "breaks a reader", "its rows' id is of another type"),
        (asking({"what": str, "by": str}, {"id": str, "days": int}), "breaks a reader", "what was accepted is refused"),
    ],
)
def test_a_query(tmp_path: Path, now: type[Query[Any]], verdict: str, what: str) -> None:
    was = asking({"what": str}, {"id": str, "days": int | None})
    changes = check(committed(catalogue(tmp_path, Rented, queries=(was,))), catalogue(tmp_path, Rented, queries=(now,)))
    if not changes:  # a value that is never NULL any more is one that was allowed
        assert what == "its rows' days"
        return
    assert verdicts(changes)[0][0] == verdict
    assert verdicts(changes)[0][1].startswith(what)


def rentals(rule: Callable[[Any, Any], Any]) -> type[Projection]:
    body = {"__module__": __name__, "key": ("tenant_id", "id"), "rented": on(Rented)(rule)}
    return type("Rentals", (Projection,), body)


def as_it_was(self: Any, event: Event[Any]) -> Any:
    return Insert(what=event.data.what)


def counting(self: Any, event: Event[Any]) -> Any:
    return Upsert(what=event.data.what, times=count())


def with_note(self: Any, event: Event[Any]) -> Any:
    return Insert(what=event.data.what, note=event.data.what)


@pytest.mark.parametrize(
    ("rule", "table", "found"),
    [
        (as_it_was, TABLE, []),
        (
            with_note,
            TABLE.replace("    PRIMARY", "    note text,\n    PRIMARY"),
            [("needs a backfill", "new in it: note")],
        ),
        (
            with_note,
            TABLE.replace("    PRIMARY", "    note text NOT NULL,\n    PRIMARY"),
            [("needs a rebuild", "rule rented on Rented changed; table changed")],
        ),
        (
            counting,
            TABLE.replace("    PRIMARY", "    times bigint NOT NULL DEFAULT 0,\n    PRIMARY"),
            [("needs a rebuild", "rule rented on Rented changed; table changed")],
        ),
        (
            as_it_was,
            TABLE.replace("what      text NOT NULL", "what      varchar(9)"),
            [
                ("breaks a reader", "column what is varchar(9) now, it was text"),
                ("needs a rebuild", "table changed"),
            ],
        ),
        (
            as_it_was,
            TABLE.replace("what      text NOT NULL", "what      text"),
            [("breaks a reader", "column what may be NULL now"), ("needs a rebuild", "table changed")],
        ),
    ],
)
def test_a_read_model(
    tmp_path: Path, rule: Callable[[Any, Any], Any], table: str, found: list[tuple[str, str]]
) -> None:
    folder = tmp_path / "read_models"
    folder.mkdir()
    (folder / "rentals.sql").write_text(TABLE)
    before = committed(catalogue(tmp_path, Rented, projections=(rentals(as_it_was),)))
    assert before.read_models["rentals"].columns["what"].sources == ("Rented.data.what",)
    (folder / "rentals.sql").write_text(table)
    assert verdicts(check(before, catalogue(tmp_path, Rented, projections=(rentals(rule),)))) == found


def test_read_models_and_suites_that_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "rentals.sql").write_text(TABLE)
    projection = rentals(as_it_was)
    without, bare = catalogue(tmp_path, Rented), catalogue(tmp_path, Rented, projections=(projection,))
    suite = Suite(projection, no_rows("what = ''", "A rental is of something."))
    watched = catalogue(tmp_path, Rented, projections=(projection,), suites=(suite,))
    assert verdicts(check(committed(without), bare)) == [("needs a rebuild", "it is new")]
    assert verdicts(check(committed(bare), without)) == [("breaks a reader", "it is gone")]
    assert verdicts(check(committed(bare), watched)) == [("compatible", "its expectations changed")]


def test_a_fold_in_python_that_changed_needs_a_rebuild(tmp_path: Path) -> None:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "rentals.sql").write_text(TABLE)

    def fold() -> type[FoldProjection]:
        class Rentals(FoldProjection):
            key = ("tenant_id", "id")
            handles = (Rented,)

            def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
                return (row or {}) | {"what": event.data.what}

        return Rentals

    def fold_otherwise() -> type[FoldProjection]:
        class Rentals(FoldProjection):
            key = ("tenant_id", "id")
            handles = (Rented,)

            def evolve(self, row: Row | None, event: Event[Any]) -> Row | None:
                return (row or {}) | {"what": event.data.what.upper()}

        return Rentals

    before = committed(catalogue(tmp_path, Rented, projections=(fold(),)))
    assert check(before, catalogue(tmp_path, Rented, projections=(fold(),))) == []
    changes = check(before, catalogue(tmp_path, Rented, projections=(fold_otherwise(),)))
    assert verdicts(changes) == [("needs a rebuild", "fold changed")]
    assert changes[0].do == "Run `acci run rebuild rentals`."


class Borrowed(EventData):
    rental: str


class Lent(EventData):
    formerly: ClassVar[tuple[str, ...]] = ("Borrowed",)
    rental: str


class Rent(CommandData):
    aggregate_id_field: ClassVar[str] = "id"
    id: str


def reaction(*decided: type[EventData], named: str = "Reminders", **others: Any) -> type[Reaction]:
    """A reaction `reminders` that decides on these events, and on a refused Rent unless it is not told."""
    rules = {f"on_{each.__name__.lower()}": reacts(each)(lambda _self, _event: None) for each in decided}
    if others.pop("told", True):
        rules["give_up"] = refused(Rent)(lambda _self, _event: None)
    annotations: dict[str, Any] = {"name": ClassVar[str], "keys": ClassVar[Any]}
    if folded := others.pop("folded", ()):
        annotations["seen"] = int
        others["seen"] = 0
        rules["see"] = evolves(*folded)(lambda self, _event: self)
    body = {"__module__": __name__, "__annotations__": annotations, "name": "reminders", **rules, **others}
    return type(named, (Reaction,), body)


BY_RENTAL: dict[str, Any] = {"keys": {Borrowed: "rental"}}
BOTH = (Rented, Borrowed)


@pytest.mark.parametrize(
    ("now", "verdict", "what"),
    [
        (reaction(*BOTH, **BY_RENTAL), None, ""),
        ((), "breaks a reaction", "it is gone: nothing is decided any more"),
        (reaction(*BOTH), "breaks a reaction", "the key of Borrowed is the aggregate's id now, it was rental: order"),
        (reaction(Rented), "breaks a reaction", "it does not handle Borrowed any more"),
        (
            reaction(Borrowed, folded=(Rented,), **BY_RENTAL),
            "breaks a reaction",
            "nothing follows from Rented any more",
        ),
        (reaction(*BOTH, told=False, **BY_RENTAL), "breaks a reaction", "nothing follows any more if Rent is refused"),
        (
            reaction(*BOTH, named="Nudges", **BY_RENTAL),
            "breaks a reaction",
            "its class is Nudges now, it was Rem",
        ),
        (reaction(*BOTH, Returned, **BY_RENTAL), "compatible", "it handles Returned too, from where it stands"),
        (reaction(*BOTH, folded=(Rented,), **BY_RENTAL), "compatible", "it has a state now"),
    ],
)
def test_a_reaction(tmp_path: Path, now: Any, verdict: str | None, what: str) -> None:
    events = (*BOTH, Returned)
    before = committed(catalogue(tmp_path, *events, reactions=(reaction(*BOTH, **BY_RENTAL),)))
    changes = check(before, catalogue(tmp_path, *events, reactions=(now,) if now else ()))
    if verdict is None:
        assert changes == []
        return
    assert verdicts(changes)[0][0] == verdict
    assert any(said.startswith(what) for _, said in verdicts(changes)), changes
    assert exit_code(changes) == (4 if verdict == "breaks a reaction" else 0)
    assert all(bool(change.do) is (change.verdict is not Verdict.COMPATIBLE) for change in changes)


def test_a_reaction_to_an_event_that_was_renamed_is_the_same(tmp_path: Path) -> None:
    before = committed(catalogue(tmp_path, Borrowed, reactions=(reaction(Borrowed, **BY_RENTAL),)))
    after = catalogue(tmp_path, Lent, reactions=(reaction(Lent, keys={Lent: "rental"}),))
    assert verdicts(check(before, after)) == [("compatible", "it was called Borrowed")]
    without = catalogue(tmp_path, Lent, reactions=(reaction(Lent),))
    (change, *_) = check(before, without)
    assert change.what.startswith("the key of Lent is the aggregate's id now, it was rental")
    assert change.events == ("Lent", "Borrowed")


def test_a_reaction_that_is_new_or_decides_more_is_compatible(tmp_path: Path) -> None:
    folding = reaction(Borrowed, folded=(Rented,), told=False)
    more = reaction(Borrowed, Rented, folded=(Rented,))
    none, before, after = (catalogue(tmp_path, *BOTH, reactions=each) for each in ((), (folding,), (more,)))
    assert verdicts(check(committed(none), before)) == [("compatible", "it is new")]
    assert verdicts(check(committed(before), after)) == [
        ("compatible", "it decides on Rented too, from where it stands"),
        ("compatible", "it decides if Rent is refused, too"),
    ]
