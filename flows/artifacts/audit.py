"""What an audit run shows: tables of findings and a chart by day; and the event that may start a repair."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from acci.flows.artifacts.charts import stacked_bars
from acci.flows.artifacts.differences import differences, most_common
from acci.flows.artifacts.tables import markdown_table, show_chart
from acci.flows.runtime import prefect_events
from acci.flows.runtime.redaction import may_show_rows
from acci.store.auditing.audit import Audited
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.repair import Repaired
from acci.store.extras import needs

with needs("flows"):
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

MAX_ROWS_SHOWN = 200  # findings in a table: nobody reads more


def show_audit(done: Sequence[Audited]) -> None:
    """Show every check with its result, the findings, and the values of rows that differ side by side."""
    made = [_check_row(each) for each in done]
    create_table_artifact(key="audit-checks", table=made, description="The checks that were made")
    found = [(each, wrong) for each in done for wrong in each.found]
    if found:
        table = [_finding_row(each, wrong) for each, wrong in found[:MAX_ROWS_SHOWN]]
        description = f"What is wrong ({len(found):,} findings, the first {len(table):,} shown)"
        create_table_artifact(key="audit-findings", table=table, description=description)
    for each in done:
        if each.projection is not None and any("kind" in wrong.details for wrong in each.found):
            _show_differences(each)


def _check_row(each: Audited) -> dict[str, Any]:
    return {
        "check": each.check,
        "of": each.projection or "the log",
        "extent": each.scope,
        "found": f"more than {len(each.found):,}" if each.more else f"{len(each.found):,}",
        "new": each.new,
        "gone": each.resolved,
        "seconds": each.seconds,
        "left out": each.left_out or "",
    }


def _finding_row(each: Audited, found: Found) -> dict[str, Any]:
    return {
        "severity": found.severity.value,
        "check": each.check,
        "of": each.projection or "the log",
        "place": place(found),
        "problem": found.problem,
    }


def place(found: Found) -> str:
    """Where it is, for a person."""
    return ", ".join(f"{name} {value}" for name, value in found.place.items())


def _show_differences(each: Audited) -> None:
    frame = differences(each.found)
    counts = [(kind, column, f"{rows:,}") for kind, column, rows in most_common(frame)]
    shown = frame.head(MAX_ROWS_SHOWN).fillna("NULL")
    if not may_show_rows(each.projection or ""):
        shown = shown.drop(columns=["stored", "expected"], errors="ignore")
    markdown = "\n\n".join(
        [
            f"## {each.projection}: rows that differ from what their events produce",
            markdown_table(("kind", "column", "rows"), counts),
            markdown_table(tuple(shown.columns), shown.itertuples(index=False, name=None)),
            *([] if "stored" in shown else ["Values may be personal data: `acci findings` shows them."]),
        ]
    )
    create_markdown_artifact(key="audit-differences", markdown=markdown, description=f"Rows of {each.projection}")


def show_repairs(done: Sequence[Repaired]) -> None:
    table = [
        {"check": each.check, "of": each.projection or "the log", "found": each.found, "still wrong": each.left}
        | ({"left alone": each.left_alone, "because": each.because} if each.left_alone else {})
        for each in done
    ]
    create_table_artifact(key="repair", table=table, description="What was re-derived, and what is still wrong")


def show_history(days: Sequence[tuple[date, dict[Severity, int]]]) -> None:
    """Show a chart of the open findings at the end of each day."""
    colours = {Severity.ERROR: "#c0392b", Severity.WARNING: "#e6a23c", Severity.INFO: "#7f8c8d"}
    bars = [(f"{day:%d %b}", [counts[severity] for severity in colours]) for day, counts in days]
    svg = stacked_bars("Open findings at the end of each day", bars, {s.value: c for s, c in colours.items()})
    show_chart("audit-history", svg, "Open findings, day by day")


def emit_findings(done: Sequence[Audited]) -> None:
    """Emit one Prefect event for each read model with findings, and for the log; automations may act on it."""
    for name in dict.fromkeys(each.projection for each in done if each.found):
        of_one = [each for each in done if each.projection == name and each.found]
        ranks = list(Severity)
        worst = max((each.worst() or Severity.INFO for each in of_one), key=ranks.index)
        payload = {
            "severity": worst.value,
            "findings": sum(len(each.found) for each in of_one),
            "checks": [each.check for each in of_one],
        }
        prefect_events.emit(prefect_events.AUDIT_FOUND, name, payload, severity=worst.value)
