"""Differences: rows that differ from what their events produce, as a table with a line for each such column."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from acci.store.auditing.findings import Finding, Found
from acci.store.extras import needs

if TYPE_CHECKING:
    import pandas as pd


def differences(found: Iterable[Found | Finding]) -> "pd.DataFrame":
    """The key, the kind of difference, the column, its stored and its expected value; findings of rows only."""
    with needs("flows"):
        import pandas as pd

    return pd.DataFrame([line for each in found if "kind" in each.details for line in _lines(each)])


def of_findings(found: Iterable[Finding]) -> "pd.DataFrame":
    """As `differences`, with read model, check and times of each finding in the first columns."""
    with needs("flows"):
        import pandas as pd

    return pd.DataFrame(
        [_beside(_about(each), line) for each in found if "kind" in each.details for line in _lines(each)]
    )


def _about(finding: Finding) -> dict[str, Any]:
    return {
        "projection": finding.projection,
        "check": finding.check,
        "severity": finding.severity.value,
        "problem": finding.problem,
        "first seen": finding.first_seen,
        "last seen": finding.last_seen,
        "gone": finding.resolved_at,
    }


def _beside(about: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    """Both as one line; a key column is renamed if `about` has that name."""
    return about | {f"key {name}" if name in about else name: value for name, value in line.items()}


def _lines(found: Found | Finding) -> Iterator[dict[str, Any]]:
    details = found.details
    head = {**found.place, "kind": details["kind"]}
    if "columns" in details:
        for column, values in details["columns"].items():
            yield {**head, "column": column, **values}
        return
    stored, expected = details.get("stored", {}), details.get("expected", {})
    for column in {**stored, **expected}:
        yield {**head, "column": column, "stored": stored.get(column), "expected": expected.get(column)}


def most_common(frame: "pd.DataFrame") -> Sequence[tuple[str, str, int]]:
    """How many rows differ, by kind and column; a missing or extra row counts as a whole."""
    whole = frame["column"].where(frame["kind"] == "different", "the whole row")
    keys = frame.columns[: list(frame.columns).index("kind")]
    lines = frame.assign(column=whole).drop_duplicates([*keys, "kind", "column"])
    counts = lines.groupby(["kind", "column"], as_index=False).size().sort_values("size", ascending=False)
    return [(kind, column, int(rows)) for kind, column, rows in counts.itertuples(index=False, name=None)]
