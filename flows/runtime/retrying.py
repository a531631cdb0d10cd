"""Retries: transient errors are tried again; what ACCI refuses ends a run with a sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg

from acci.domain.errors import AcciError
from acci.flows.runtime.redaction import RedactedError, may_show_errors
from acci.store.extras import needs
from acci.store.postgres.refusals import is_transient, refusal_of
from acci.store.projecting.error_text import kind_of

with needs("flows"):
    from prefect import Task
    from prefect.client.schemas.objects import State
    from prefect.states import Failed

P = ParamSpec("P")
T = TypeVar("T")


def if_transient(_task: Any, _run: Any, state: State[Any]) -> bool:
    """For Prefect: whether a failed task may be tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


def refusing(run: Callable[P, T]) -> Callable[P, T]:
    """Let a flow or task that raises an AcciError fail with its sentence, without a traceback in its log.

    Where there is personal data, other errors keep their traceback but not their text.
    """

    @wraps(run)
    def refuse(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return run(*args, **kwargs)
        except (AcciError, psycopg.Error) as error:
            refusal = error if isinstance(error, AcciError) else refusal_of(error)
            if is_transient(error) or (refusal is None and may_show_errors()):
                raise
            if refusal is None:
                raise RedactedError(kind_of(error)) from None
            return Failed(message=str(refusal), data=refusal)  # type: ignore[return-value]
        except TimeoutError:
            raise  # Prefect sees that the run has ended
        except Exception as error:
            if may_show_errors():
                raise
            raise RedactedError(kind_of(error)) from None

    return refuse


class Step(Task[P, T]):
    """A task that raises its refusal to the caller; a plain Prefect task returns the failed state instead."""

    def __call__(self, *args: Any, return_state: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]
        call: Callable[..., Any] = super().__call__
        found = call(*args, return_state=return_state, **kwargs)
        return found.result() if isinstance(found, State) and not return_state else found


def step(name: str) -> Callable[[Callable[P, T]], Task[P, T]]:
    """A task whose runs are called `name`. Transient errors are retried three times, after 1, 5 and 15 s.

    An AcciError ends it with its sentence, and is raised to the caller.
    """

    def made(run: Callable[P, T]) -> Task[P, T]:
        return Step(
            refusing(run),
            task_run_name=name,
            retries=3,
            retry_delay_seconds=[1, 5, 15],
            retry_condition_fn=if_transient,
        )

    return made
