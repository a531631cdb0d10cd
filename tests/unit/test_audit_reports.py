"""What people are shown of an audit: charts, and differences value by value."""

from datetime import UTC, datetime
from xml.etree import ElementTree

from acci.flows.artifacts.charts import as_image, lines, stacked_bars
from acci.flows.artifacts.differences import differences, most_common, of_findings
from acci.store.auditing.findings import Finding, Found, Severity

SVG = "{http://www.w3.org/2000/svg}"


def found(place: dict[str, str | None], **details: object) -> Found:
    return Found(place, Severity.ERROR, "It is wrong.", details)


def test_a_chart_has_a_bar_for_each_nonzero_part() -> None:
    text = stacked_bars("<Findings>", [("1 May", [3, 1]), ("2 May", [0, 0])], {"error": "red", "warning": "orange"})
    drawn = ElementTree.fromstring(text)  # noqa: S314 our own
    bars = [each for each in drawn.iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]
    sizes = [float(bar.attrib["height"]) for bar in bars]
    assert len(bars) == 2
    assert abs(sizes[0] - 3 * sizes[1]) < 0.2
    assert "<Findings>" in [each.text for each in drawn.iter(f"{SVG}text")]


def test_a_chart_without_anything_is_drawn() -> None:
    assert ElementTree.fromstring(stacked_bars("Nothing", [], {"error": "red"})) is not None  # noqa: S314


def test_curves_are_drawn_from_zero_to_the_maximum() -> None:
    text = lines("<Lag>", {"a": [(0, 0), (1, 50)], "b": [(0, 100)]}, "hours", "{:.1f} h".format)
    drawn = ElementTree.fromstring(text)  # noqa: S314 our own
    of_a, of_b = (each.attrib["points"].split() for each in drawn.iter(f"{SVG}polyline"))
    heights = [float(point.partition(",")[2]) for point in (*of_a, *of_b)]
    assert heights[0] > heights[1] > heights[2]
    assert abs((heights[0] + heights[2]) / 2 - heights[1]) < 0.2
    said = {each.text for each in drawn.iter(f"{SVG}text")}
    assert {"<Lag>", "a", "b", "100", "0", "0.0 h", "1.0 h", "hours"} <= said


def test_curves_without_a_point_are_drawn() -> None:
    empty: list[dict[str, list[tuple[float, float]]]] = [{}, {"a": []}, {"a": [(0.0, 0.0)]}]
    for curves in empty:
        assert ElementTree.fromstring(lines("Nothing", curves, "hours")) is not None  # noqa: S314
    assert as_image("<svg/>") == "data:image/svg+xml;base64,PHN2Zy8+"


def test_differences_are_listed_value_by_value() -> None:
    key: dict[str, str | None] = {"tenant_id": "t", "id": "a"}
    changed = {"name": {"stored": "Ann", "expected": "Bo"}, "note": {"stored": None, "expected": "x"}}
    frame = differences(
        [
            found(key, kind="different", columns=changed),
            found({"tenant_id": "t", "id": "b"}, kind="missing", expected={"name": "Cy", "note": None}),
            found({"position": "3"}),
        ]
    )
    assert list(frame.columns) == ["tenant_id", "id", "kind", "column", "stored", "expected"]
    assert frame.to_dict("records")[0] == {
        "tenant_id": "t", "id": "a", "kind": "different", "column": "name", "stored": "Ann", "expected": "Bo",
    }  # fmt: skip
    assert len(frame) == 4
    assert sorted(most_common(frame)) == [
        ("different", "name", 1),
        ("different", "note", 1),
        ("missing", "the whole row", 1),
    ]


def test_findings_of_several_read_models_can_be_distinguished() -> None:
    def of(projection: str, place: dict[str, str | None]) -> Finding:
        details = {"kind": "missing", "expected": {"name": "Ann"}}
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return Finding(1, "rows", projection, place, Severity.ERROR, "It is wrong.", details, at, at, None)

    frame = of_findings([of("users", {"id": "a"}), of("checks", {"id": "a", "check": "c"})])
    shown = frame[["projection", "check", "id", "key check", "column", "expected"]].fillna("")
    assert list(shown.itertuples(index=False, name=None)) == [
        ("users", "rows", "a", "", "name", "Ann"),
        ("checks", "rows", "a", "c", "name", "Ann"),
    ]
    assert list(frame.columns)[:2] == ["projection", "check"]
