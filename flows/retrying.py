"""Retrying and refusing: what may go away by itself is tried again; what a person must mend ends as a sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg
from prefect.client.schemas.objects import State
from prefect.states import Failed

from domain.errors import AcciError
from store.database import is_transient, refusal_of

P = ParamSpec("P")
T = TypeVar("T")


def if_transient(_task: Any, _run: Any, state: State[Any]) -> bool:
    """For Prefect: whether a failed task may be tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


# For every task: at most three more tries, after 1, 5 and 15 seconds.
RETRIED: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 15], "retry_condition_fn": if_transient}


def refusing(run: Callable[P, T]) -> Callable[P, T]:
    """Let a flow or task end failed with the sentence of what ACCI refuses, in place of a traceback in its log."""

    @wraps(run)
    def refuse(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return run(*args, **kwargs)
        except (AcciError, psycopg.Error) as error:
            refusal = error if isinstance(error, AcciError) else refusal_of(error)
            if refusal is None or is_transient(error):
                raise
            return Failed(message=str(refusal), data=refusal)  # type: ignore[return-value]

    return refuse
