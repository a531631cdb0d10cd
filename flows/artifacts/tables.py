"""Tables that runs show: a rebuild's plan, the gate's verdict. Of rows they have only keys and counts."""

from collections.abc import Iterable, Sequence
from typing import Any

from acci.flows.artifacts.charts import as_image
from acci.flows.artifacts.rebuild_plan import plan_rows
from acci.store.extras import needs
from acci.store.rebuilding.gate import Verdict
from acci.store.rebuilding.plan import Plan
from acci.store.verifying.table_diff import spelled_key

with needs("flows"):
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.client.schemas.objects import State
    from prefect.states import Failed

MAX_LISTED_FAILURES = 5  # in a run's message; its table has all
MAX_FAILURE_LENGTH = 400  # characters of each


def listed(failures: Sequence[tuple[str, str]]) -> str:
    """The first failures, each with its subject, in one line: short enough for a run's message and a terminal."""
    said = (why if why.startswith(of) else f"{of}: {why}" for of, why in failures[:MAX_LISTED_FAILURES])
    text = "; ".join(_shortened(" ".join(each.split())) for each in said)
    more = len(failures) - MAX_LISTED_FAILURES
    return f"{text}; and {more} more: see the run's table" if more > 0 else text


def some_failed(failures: Sequence[tuple[str, str]], among: int) -> State[Any]:
    """The state of a run in which these failed, each with why; the others went on."""
    return Failed(message=f"{len(failures)} of {among} failed. {listed(failures)}")


def _shortened(text: str) -> str:
    """A long text cut in the middle: its beginning says what happened, its end what to do."""
    if len(text) <= MAX_FAILURE_LENGTH:
        return text
    return f"{text[: MAX_FAILURE_LENGTH * 2 // 3]} … {text[-MAX_FAILURE_LENGTH // 3 :]}"


def show_plan(plan: Plan) -> None:
    table = [{"what": what, "value": value} for what, value in plan_rows(plan)]
    create_table_artifact(key="rebuild-plan", table=table, description=f"What rebuilding {plan.projection} means")


def show_verdict(verdict: Verdict) -> None:
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
    parts = ["### Compared with the live generation", markdown_table(("what", "how", "rows"), rows)]
    if found.moving:
        parts.append(f"{found.moving:,} keys were left out: events between the two checkpoints affect them.")
    if found.examples:
        parts += [
            "Keys that differ, for example:",
            markdown_table(("key", "what differs"), [(spelled_key(key), what) for key, what in found.examples]),
        ]
    return parts


def show_chart(key: str, svg: str, description: str) -> None:
    """Show the chart, embedded in Markdown: Prefect's image artifacts also show the address, here all of the image."""
    create_markdown_artifact(key=key, markdown=f"![{description}]({as_image(svg)})", description=description)


def markdown_table(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
