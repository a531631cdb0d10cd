"""Telling: what rebuilds leave in their run as artifacts, for people. Keys and counts, no other content of rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from acci.flows.artifacts.charts import as_image
from acci.flows.artifacts.rebuild_plan import plan_rows
from acci.store.rebuilding.gate import Verdict
from acci.store.rebuilding.plan import Plan
from acci.store.verifying.table_diff import spelled_key

FAILURES = 5  # told in a run's message; the table has all
LENGTH = 400  # characters of each


def listed(failures: Sequence[tuple[str, str]]) -> str:
    """The first failures, each with what it is of, in one line: short enough for a run's message and a terminal."""
    said = (why if why.startswith(of) else f"{of}: {why}" for of, why in failures[:FAILURES])
    told = "; ".join(_shortened(" ".join(each.split())) for each in said)
    more = len(failures) - FAILURES
    return f"{told}; and {more} more: see the run's table" if more > 0 else told


def _shortened(text: str) -> str:
    """Its beginning, what happened, and its end, what to do."""
    return text if len(text) <= LENGTH else f"{text[: LENGTH * 2 // 3]} … {text[-LENGTH // 3 :]}"


def tell_plan(plan: Plan) -> None:
    table = [{"what": what, "value": value} for what, value in plan_rows(plan)]
    create_table_artifact(key="rebuild-plan", table=table, description=f"What rebuilding {plan.projection} means")


def tell_verdict(verdict: Verdict) -> None:
    """The gate's checks, and what the new generation changes, row by row in numbers and by column."""
    passed = not verdict.objections
    heading = f"## {verdict.projection}, generation {verdict.generation}: {'passed' if passed else 'NOT PUBLISHED'}"
    checks = markdown_table(
        ("check", "passed", "found"), ((c.check, "yes" if c.passed else "**no**", c.found) for c in verdict.checks)
    )
    create_markdown_artifact(
        key="rebuild-gate",
        markdown="\n\n".join([heading, checks, *_comparison(verdict)]),
        description=f"Whether generation {verdict.generation} of {verdict.projection} may be published",
    )


def _comparison(verdict: Verdict) -> list[str]:
    found = verdict.comparison
    if found is None:
        return ["There is no live generation to compare it with."]
    rows: list[tuple[Any, ...]] = [
        ("rows", "added", f"{found.added:,}"),
        ("rows", "removed", f"{found.removed:,}"),
        ("rows", "changed", f"{found.changed:,}"),
        *((f"column {name}", "differs", f"{count:,}") for name, count in found.columns.items()),
        *((f"column {name}", "new", "") for name in found.new_columns),
        *((f"column {name}", "gone", "") for name in found.gone_columns),
    ]
    told = ["### Compared with the live generation", markdown_table(("what", "how", "rows"), rows)]
    if found.moving:
        told.append(f"{found.moving:,} keys were left out: events between the two checkpoints touch them.")
    if found.examples:
        told += [
            "Keys that differ, for example:",
            markdown_table(("key", "what differs"), [(spelled_key(key), what) for key, what in found.examples]),
        ]
    return told


def tell_chart(key: str, svg: str, description: str) -> None:
    """Show the picture. As text that holds it: an image of Prefect's shows its address too, which is as long as it."""
    create_markdown_artifact(key=key, markdown=f"![{description}]({as_image(svg)})", description=description)


def markdown_table(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
