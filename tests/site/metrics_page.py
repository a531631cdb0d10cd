"""The page of the metrics, made from the families that are served."""

from datetime import UTC, datetime

from acci.flows.cli.prometheus import UP, families
from acci.store.auditing.statistics import LastAudit
from acci.store.log.high_water import CurrentMark
from acci.store.monitoring.metrics import Metrics
from acci.store.postgres.replica import Lag

NOTHING = datetime(2026, 1, 1, tzinfo=UTC)


def metrics() -> str:
    """Every metric: its name, type, labels and meaning."""
    mark = CurrentMark(position=0, head=0, established_at=NOTHING, behind=0.0, holders=())
    audit = LastAudit(age=0.0, made_at=NOTHING, one_in=1, errors=0, warnings=0, infos=0, run="")
    found = Metrics(mark, {}, (), {}, {}, {}, {}, {}, audit, Lag("", 0.0, 0))
    rows = [("acci_up", "gauge", "", UP)]
    for family in families(found):
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows.append((name, family.type, labels, family.documentation))
    table = [f"| `{name}` | {kind} | {labels} | {about} |" for name, kind, labels, about in rows]
    head = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    return (
        "# Metrics\n\n`acci metrics` prints these, `acci metrics --serve PORT` serves them at `/metrics`; see"
        " [Alerting](../guides/alerting.md#prometheus-and-grafana). While the database does not answer, `acci_up` is 0"
        " and there is nothing else.\n\n" + "\n".join(head + table) + "\n"
    )
