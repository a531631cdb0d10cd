"""The flow that checks read models against their quality suites."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from acci.flows.artifacts.quality import outcome, page
from acci.flows.artifacts.tables import markdown_table
from acci.flows.quality import great_expectations
from acci.flows.quality.reports import Report, Result
from acci.flows.runtime.parameters import AllOrOne
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.session import catalogue, projection_names, session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.extras import needs
from acci.store.generations.generations import Busy, Generation, NotBuilt
from acci.store.generations.live import is_live, on_live

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed


@step("check the quality of {projection}")
def check_projection(projection: str, span: tuple[int, int] | None = None) -> Report | None:
    """The suite on the live generation, with `span` on the rows that those events changed; None if there is none."""
    with session("quality") as (connection, catalogue):
        suite = catalogue.suites.get(projection)
        if suite is None:
            return None

        def validate(generation: Generation) -> Report:
            made = great_expectations.validate(connection, suite, generation, span)
            if made.failures and not is_live(connection, generation):
                raise Busy(projection, "rebuild")  # if the table is gone, the library reports only that it failed
            return made

        try:
            report = on_live(connection, projection, validate)
        except NotBuilt:
            return None
    for failure in report.failures:
        get_run_logger().error("%s: %s", projection, failure)
    return report


def check_changes(spans: Mapping[str, tuple[int, int]]) -> list[Report]:
    """The suites on the rows that events in each read model's span, (after, upto], changed; nothing without a suite."""
    suites = catalogue().suites
    reports = [check_projection(name, span) for name, span in spans.items() if name in suites]
    made = [report for report in reports if report is not None]
    if made:
        show_reports(made)
    return made


def show_reports(reports: list[Report]) -> None:
    """Show every expectation with its result; for each that fails, the keys of failing rows."""
    table = [
        {
            "read model": report.projection,
            "expectation": str(result.expectation),
            "outcome": outcome(result),
            "failing rows": result.failing,
            "checked on": report.extent,
            "error": result.error or "",
        }
        for report in reports
        for result in report.results
    ]
    create_table_artifact(key="quality", table=table, description="Expectations of read models, and whether they hold")
    failing = [
        f"### {report.projection}: {result}\n\n{_rows(result)}" for report in reports for result in report.failures
    ]
    if failing:
        create_markdown_artifact(key="quality-failures", markdown="\n\n".join(failing), description="Rows that fail")


def _rows(result: Result) -> str:
    names = tuple(dict.fromkeys(name for row in result.rows for name in row))
    return markdown_table(names, (tuple(map(row.get, names)) for row in result.rows)) if names else ""


def verdict(reports: list[Report]) -> State[Any]:
    """Failed if anything does not hold, or could not be checked."""
    failures = [f"{report.projection}: {failure}" for report in reports for failure in report.failures]
    if failures:
        more = f" And {len(failures) - 1} more: see the artifacts." if len(failures) > 1 else ""
        return Failed(name="QualityFailed", message=f"{failures[0]}{more}")
    if not reports:
        return Completed(name="NothingToDo", message="None of these read models has a quality suite and was built.")
    made = sum(len(report.results) for report in reports)
    return Completed(message=f"{made} expectations hold in {', '.join(report.projection for report in reports)}.")


@flow(name="check-quality", flow_run_name="check the quality of {projection}", timeout_seconds=allowed_seconds())
@refusing
def check_quality(
    projection: Annotated[AllOrOne, Field(title="Projection")] = "all",
    report_file: Annotated[str, Field(title="Report file")] = "",
) -> State[Any]:
    """Check read models against the quality suites declared beside them. Nothing is changed.

    Args:
        projection: One projection, or all of them.
        report_file: Write a report for people into this HTML file, on the machine that the run is on.
    """
    reports = [report for name in projection_names(projection) if (report := check_projection(name)) is not None]
    show_reports(reports)
    if report_file:
        Path(report_file).write_text(page(reports), encoding="utf-8")
    return verdict(reports)
