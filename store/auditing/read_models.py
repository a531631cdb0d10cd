"""Checks of a read model as a whole: its rules, its table, its totals, and a second opinion on a few of its rows."""

from collections.abc import Iterator

from acci.domain.errors import AcciError
from acci.store.auditing.checks import CheckContext, LeftOut
from acci.store.auditing.findings import Found, Severity, findings
from acci.store.auditing.repairs import keys_of
from acci.store.generations.fingerprints import define
from acci.store.generations.table_definition import alterations, require_same_rules
from acci.store.verifying.generation_totals import generation_totals
from acci.store.verifying.reference_sample import check_sample
from acci.store.verifying.table_diff import spelled_key

SECOND_OPINION = "second_opinion"
SAMPLE = 50  # keys that the reference engine derives


def check_rules(context: CheckContext) -> Iterator[Found]:
    """Rules that are no longer those that made the rows."""
    live = context.of_read_model()
    try:
        require_same_rules(live.generation, define(context.catalogue, live.projection))
    except AcciError as refusal:
        yield Found({}, Severity.WARNING, str(refusal))


def check_table(context: CheckContext) -> Iterator[Found]:
    """What was altered by hand about the table."""
    live = context.of_read_model()
    for change in alterations(live.connection, live.generation):
        problem = f"The table of {live.projection.name} was altered by hand: {change}."
        yield Found({"part": change}, Severity.ERROR, problem)


def check_totals(context: CheckContext) -> Iterator[Found]:
    """Control totals, counted from the events without folding them, that differ from the table's."""
    _require_sound(context)
    live = context.of_read_model()
    for total in generation_totals(live, live.exclusions()):
        if not total.agrees:
            problem = f"{total.what}: {total.stored} in the table, {total.expected} by the events."
            details = {"stored": total.stored, "expected": total.expected}
            yield Found({"total": total.what}, Severity.ERROR, problem, details)


def check_second_opinion(context: CheckContext) -> Iterator[Found]:
    """Rows that the reference engine derives differently, among a random sample and those found before."""
    _require_sound(context)
    live = context.of_read_model()
    projection = live.projection
    try:
        known = keys_of(projection, findings(live.connection, SECOND_OPINION, projection.name))
        sample = check_sample(live, context.catalogue, live.exclusions(), SAMPLE, known)
    except AcciError as refusal:
        raise LeftOut(str(refusal)) from refusal
    for key, difference in sample.found.examples:
        problem = f"The reference engine derives {spelled_key(key)} differently: {difference}."
        yield Found(dict(zip(projection.key, key, strict=True)), Severity.ERROR, problem)
    for failed in sample.failed:
        problem = f"The reference engine cannot derive {spelled_key(failed.key)}, so it cannot confirm its row: "
        yield Found(dict(zip(projection.key, failed.key, strict=True)), Severity.WARNING, problem + failed.error)


def _require_sound(context: CheckContext) -> None:
    if [*check_rules(context), *check_table(context)]:
        raise LeftOut("Its rules or its table changed, so its rows do not follow from the events.")
