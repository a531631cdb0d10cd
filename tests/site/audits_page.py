"""The page of the audit's checks, made from those that there are."""

from acci.store.auditing.audit import all_checks
from acci.store.auditing.checks import Check
from acci.store.registry import load

HEAD = """# Audit checks

What `acci run audit` looks for; see [Audit and repair](../guides/audit-and-repair.md). `acci run audit --check NAME`
makes one alone. A check of your own stands beside them.

- **Severity**: an *error* is wrong; a *warning* is worth looking at; *info* is worth knowing. A run is red from *error*
  on, unless its `fail_at` says otherwise.
- **Confined to**: a tenant, keys, or what has changed since a time. A check that cannot be narrowed to the tenant or
  keys that you name is left out, and the run says so; one that cannot be narrowed by time is made on everything.
- **Sampled**: with `--one-in N` it looks at one key in N, others each hour. One that cannot is made on everything.
- **Repaired**: `acci run repair` mends what it found, from what is stored. An event is never changed.

A key of a reaction's checks is a tenant and the reaction's key. Events that a reaction could not decide, and deliveries
that failed for good, are no findings: they wait as dead letters. An earlier decision that today's code would not make
is *info* if the code has changed since; the first decision stands.

"""


def audits() -> str:
    """Every check: its name, what it finds, and what can be asked of it."""
    checks = sorted(all_checks(load(["acci.domain.users"])).values(), key=lambda each: each.name)
    head = "| check | finds | severity | confined to | sampled | repaired |\n| --- | --- | --- | --- | --- | --- |\n"
    return HEAD + head + "".join(map(_row, checks))


def _row(check: Check) -> str:
    sampled, repaired = ("yes" if each else "" for each in (check.samples, check.repair))
    return f"| `{check.name}` | {check.description} | {check.severity} | {_parts(check)} | {sampled} | {repaired} |\n"


def _parts(check: Check) -> str:
    if check.narrows:
        return "tenant, keys, time"
    return "tenant" if "tenant_id" in check.place else ""
