"""The flow that compares what is stored with the events."""

import time
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field

from acci.flows.artifacts.audit import emit_findings, show_audit, show_history, show_repairs
from acci.flows.runtime.links import this_run
from acci.flows.runtime.parameters import AllOrOne, CheckName, KeyOfRow, Tenant, Timestamp
from acci.flows.runtime.retrying import refusing, step
from acci.flows.runtime.run_names import audit_run_name
from acci.flows.runtime.session import replica_up_to_date, session
from acci.flows.runtime.timeouts import allowed_seconds
from acci.store.auditing import repair as repairing
from acci.store.auditing.audit import Audited, chosen
from acci.store.auditing.audit import audit as run_check
from acci.store.auditing.findings import Severity, history
from acci.store.auditing.repair import Repaired
from acci.store.auditing.scope import AuditScope
from acci.store.auditing.statistics import Result, record
from acci.store.extras import needs
from acci.store.values.timestamps import parse_timestamp

with needs("flows"):
    from prefect import flow, get_run_logger
    from prefect.client.schemas.objects import State
    from prefect.states import Completed, Failed

DAYS_SHOWN = 30
LOG = "the log"


@step("audit {of}")
def run_checks(of: str, checks: list[str], extent: AuditScope) -> list[Audited]:
    """Run the checks of the log or of one read model, where it can on the replica, and store their findings."""
    projection = None if of == LOG else of
    done = []
    with session("audit") as (connection, catalogue), replica_up_to_date("audit") as replica:
        for check, name in chosen(catalogue, checks, projection):
            if name == projection:
                done.append(run_check(connection, catalogue, check, name, extent, replica()))
                get_run_logger().info("%s %s: %s", check.name, name or "", _summary(done[-1]))
    return done


def _summary(done: Audited) -> str:
    if done.left_out is not None:
        return f"left out: {done.left_out}"
    many = f"more than {len(done.found)}" if done.more else str(len(done.found))
    return f"{many} found, {done.new} new, {done.resolved} gone, {done.seconds} s"


@step("repair {projection}")
def repair_findings(projection: str, trust_log: bool = False) -> list[Repaired]:
    """Re-derive what the findings name, and audit it again; `all` means every read model and the log.

    What depends on events that were changed by hand is left alone, unless the log is trusted.
    """
    with session("repair") as (connection, catalogue):
        one = None if projection == "all" else catalogue.projection(projection).name
        return repairing.repair(connection, catalogue, one, trust_log)


@flow(name="audit", flow_run_name=audit_run_name, timeout_seconds=allowed_seconds())
@refusing
def audit(
    projection: Annotated[AllOrOne, Field(title="Projection")] = "all",
    checks: Annotated[list[CheckName], Field(title="Checks")] = [],  # noqa: B006 Prefect copies it
    tenant: Annotated[Tenant, Field(title="Tenant")] = "",
    keys: Annotated[list[KeyOfRow], Field(title="Keys")] = [],  # noqa: B006
    since: Annotated[Timestamp, Field(title="Since")] = "",
    one_in: Annotated[int, Field(title="One key in", ge=1, le=1_000_000)] = 1,
    repair: Annotated[bool, Field(title="Repair")] = False,
    fail_at: Annotated[Literal["info", "warning", "error"], Field(title="Fail at")] = "error",
) -> State[Any]:
    """Compare the log, the read models and the snapshots with the events, and store what is wrong as findings.

    Nothing else is written, unless `repair` is set. Other runs go on beside it. The run fails if anything is wrong.

    Args:
        projection: One projection, or all: every one, and the log too.
        checks: Only these checks; all of them if none is named.
        tenant: Only what belongs to this tenant, such as acme.
        keys: Only the rows with these keys, each a list such as ["acme", "user-1"]; with all, streams: tenant and id.
        since: Only what events recorded at or after this time affect, such as 2026-01-31T00:00:00Z.
        one_in: Check one key in this many. The sample changes every hour; after this many hours every key was checked.
        repair: Re-derive what is found wrong, and check it again.
        fail_at: The severity from which findings fail the run.
    """
    began, sample_offset = time.monotonic(), int(time.time() // 3600) % one_in
    extent = AuditScope(
        tenant or None, tuple(map(tuple, keys)), parse_timestamp(since) if since else None, one_in, sample_offset
    )
    with session("audit") as (_, catalogue):
        one = None if projection == "all" else catalogue.projection(projection).name
        groups = dict.fromkeys(name for _, name in chosen(catalogue, checks, one) if name is None or one or not keys)
    states = [run_checks(name or LOG, checks, extent, return_state=True) for name in groups]
    done = [each for state in states if state.is_completed() for each in state.result()]
    stopped = [state.message or "" for state in states if not state.is_completed()]
    if repair and any(each.found for each in done):
        show_repairs(repair_findings(projection))
        done = [each for every in done for each in run_again(every, extent)]
    show_audit(done)
    with session("audit") as (connection, _):
        is_full = one is None and not (checks or tenant or keys or since or stopped)
        record(connection, result(done, is_full, one_in, time.monotonic() - began))
        show_history(history(connection, DAYS_SHOWN))
    emit_findings(done)
    said = verdict(done, Severity(fail_at))
    if stopped:
        others = f" Of the rest: {said.message}" if done else ""
        return Failed(name="Incomplete", message=f"{stopped[0]}{others}")
    return said


def run_again(done: Audited, extent: AuditScope) -> list[Audited]:
    """The check's result now, if it had findings."""
    return run_checks(done.projection or LOG, [done.check], extent) if done.found else [done]


def result(done: list[Audited], is_full: bool, one_in: int, seconds: float) -> Result:
    """The audit's result as it is stored."""
    found = Counter(found.severity for each in done for found in each.found)
    return Result(
        seconds,
        is_full,
        one_in,
        len(done),
        sum(each.left_out is not None for each in done),
        found[Severity.ERROR],
        found[Severity.WARNING],
        found[Severity.INFO],
        this_run(),
    )


def verdict(done: list[Audited], fail_at: Severity) -> State[Any]:
    """Failed if anything found is as bad as `fail_at`, or if a check that fits what was asked could not be made."""
    bad = [each for each in done if any(found.severity.reaches(fail_at) for found in each.found)]
    if bad:
        count = sum(len(each.found) for each in bad)
        names = (f"{each.check} of {each.projection}" if each.projection else each.check for each in bad)
        message = f"{count:,} findings, {fail_at} or worse, by {', '.join(names)}: see the tables, or `acci findings`."
        return Failed(name="Findings", message=message)
    left_out = [each for each in done if each.left_out is not None]
    if len(left_out) == len(done):
        reason = left_out[0].left_out if left_out else "Nothing was asked for."
        return Failed(name="NotMade", message=f"No check could be made. {reason}")
    lesser = sum(len(each.found) for each in done)
    said = f"{len(done) - len(left_out)} checks made, " + (f"{lesser:,} lesser findings" if lesser else "nothing wrong")
    missing = [each for each in left_out if each.fits]
    if missing:
        why = ", ".join(f"{each.check} of {each.projection or LOG}" for each in missing) + f". {missing[0].left_out}"
        return Failed(name="Incomplete", message=f"{said}; but not made: {why}")
    without = f"; {len(left_out)} do not fit what was asked, the table says why" if left_out else ""
    return Completed(message=f"{said}{without}.")
