"""Deployments from before ACCI's modules were imported as `acci.…`, as `flows.catch_up.catch_up` for example.

Prefect imports a run's flow by its deployment's entrypoint. Runs that wait under a former one would crash with a
traceback, so this is seen to before a worker starts.
"""

from collections.abc import Collection, Mapping
from typing import Any

from acci.flows.local.prefect_api import PrefectApi

FORMER = "flows."


def replace_former_entrypoints(api: PrefectApi, deployments: Collection[Mapping[str, Any]], known: set[str]) -> None:
    """Deployments have the present entrypoint of their flow, so that waiting runs are run.

    Waiting runs of a flow that is none of the `known` entrypoints have failed, with a sentence.
    """
    for deployment in deployments:
        entrypoint = deployment["entrypoint"] or ""
        if not entrypoint.startswith(FORMER):
            continue
        present = f"acci.{entrypoint}"
        if present in known:
            api.put_entrypoint(deployment["id"], present)
            continue
        why = (
            f"This version of ACCI has no flow {entrypoint}. Give the deployment {deployment['name']} the entrypoint "
            "of another flow, or delete it."
        )
        for run in api.waiting_runs(deployment["id"]):
            api.fail(run, why)
