"""For whom a program acts: the tenant, the person and the correlation of the calls inside a `with`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from acci.domain.errors import AcciError


class NoTenant(AcciError):
    """A call concerns one tenant's data, and neither it nor `acting_as` says whose."""

    sentence = "No tenant is named: give tenant_id, or call it in `with acci.acting_as(tenant_id=…)`."


class Acting(NamedTuple):
    """What calls take that do not say it themselves."""

    tenant_id: str | None = None
    user_id: str | None = None
    correlation_id: str | None = None


_NOBODY = Acting()
_ACTING: ContextVar[Acting] = ContextVar("acci_acting")


@contextmanager
def acting_as(
    *, tenant_id: str | None = None, user_id: str | None = None, correlation_id: str | None = None
) -> Iterator[None]:
    """Inside, an application's calls are for this tenant and by this person, as part of this correlation.

    What is None stays as it was; what a call says itself beats it. It holds for this thread or asyncio task, and what
    those begin with their context; a web framework enters it once a request.
    """
    before = _ACTING.get(_NOBODY)
    given = Acting(tenant_id, user_id, correlation_id)
    _ACTING.set(Acting(*(old if new is None else new for new, old in zip(given, before, strict=True))))
    try:
        yield
    finally:
        _ACTING.set(before)  # not by its token, which is refused where a framework ends a request in another context


def acting() -> Acting:
    """For whom the caller acts now."""
    return _ACTING.get(_NOBODY)


def tenant_of(given: str | None) -> str:
    """The tenant of a call; an empty one is none, and not that of `acting_as`. Raises `NoTenant`."""
    tenant_id = acting().tenant_id if given is None else given
    if not tenant_id:
        raise NoTenant
    return tenant_id
