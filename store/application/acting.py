"""For whom a program acts: the tenant, the person and the correlation of the calls inside a `with`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from acci.domain.errors import AcciError


@dataclass(eq=False, repr=False)
class NoTenant(AcciError):
    """A call concerns one tenant's data, and neither it nor `acting_as` says whose."""

    def __str__(self) -> str:
        return "No tenant is named: give tenant_id, or call it in `with acci.acting_as(tenant_id=…)`."


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

    What is left out stays as it was; what a call says itself beats it. It holds for this thread or asyncio task, and
    what those begin with their context; a web framework enters it once a request.
    """
    before = _ACTING.get(_NOBODY)
    _ACTING.set(
        Acting(tenant_id or before.tenant_id, user_id or before.user_id, correlation_id or before.correlation_id)
    )
    try:
        yield
    finally:
        _ACTING.set(before)  # not by its token, which is refused where a framework ends a request in another context


def acting() -> Acting:
    """For whom the caller acts now."""
    return _ACTING.get(_NOBODY)


def tenant_of(given: str | None) -> str:
    """The tenant that a call names, or that the caller acts for. Raises `NoTenant`."""
    tenant_id = given or acting().tenant_id
    if tenant_id is None:
        raise NoTenant
    return tenant_id
