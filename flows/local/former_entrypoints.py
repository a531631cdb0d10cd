"""Former entrypoints: deployments from before modules were imported as `acci.…`, such as `flows.catch_up.catch_up`.

Prefect imports a run's flow by its deployment's entrypoint. Runs that wait under a former one would crash with a
traceback, so entrypoints are replaced before a worker starts.

A worker that is started before that cannot be helped: of what is installed, the process of a run loads only plugins of
Prefect, which are off unless the environment has them on. To switch them on from the worker would do so for everybody's
runs, and a package `flows` of our own would be in the way of a user's.
"""

from collections.abc import Collection, Mapping
from typing import Any

from acci.flows.local.prefect_api import PrefectApi

FORMER = "flows."


def replace_former_entrypoints(api: PrefectApi, deployments: Collection[Mapping[str, Any]], known: set[str]) -> None:
    """Afterwards deployments have the present entrypoint of their flow, so that waiting runs still run.

    Waiting runs of a flow that is not among the `known` entrypoints have failed, with a message.
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
