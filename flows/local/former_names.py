"""Automations that had another name in an earlier ACCI: renamed, so that nobody is notified twice."""

from acci.flows.local.object_names import OwnNames
from acci.flows.local.prefect_api import PrefectApi

FORMER_NAMES = {
    "acci tell of an audit's findings": "acci alert: an audit has findings",
    "acci tell of dead letters": "acci alert: new dead letters",
    "acci tell of what is unhealthy": "acci alert: unhealthy",
    "acci tell of a crashed run": "acci alert: a run crashed",
}


def replace_former_names(api: PrefectApi, names: OwnNames) -> None:
    """Afterwards no automation of these names has its former name; it stays on or off as it was. Idempotent."""
    for former, present in FORMER_NAMES.items():
        api.rename_automation(names(former), names(present))
