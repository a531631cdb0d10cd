"""What an application is given, looked at before anything is asked: classes, ids, keys and versions.

What is plainly wrong code is a `TypeError`.
"""

from collections.abc import Mapping
from typing import TypeVar

from acci.domain.aggregates import Aggregate
from acci.domain.events import StreamId
from acci.domain.projections import Projection
from acci.store.application.acting import tenant_of
from acci.store.log.payloads import check_names
from acci.store.log.reading import require

C = TypeVar("C")


def stream_of(aggregate: type[Aggregate] | str, aggregate_id: str, tenant_id: str | None) -> StreamId:
    """The aggregate's stream. Raises `NoTenant`, `Unstorable`."""
    name = aggregate if isinstance(aggregate, str) else of_class(aggregate, Aggregate).aggregate_type()
    stream = StreamId(tenant_of(tenant_id), name, aggregate_id)
    check_names(stream)
    return stream


def projection_name(projection: type[Projection] | str) -> str:
    return projection if isinstance(projection, str) else of_class(projection, Projection).name


def of_class(given: object, wanted: type[C]) -> type[C]:
    """`given`, if it is a class derived from `wanted`."""
    if given is wanted or not isinstance(given, type) or not issubclass(given, wanted):
        raise TypeError(f"{given!r:.100} is no class derived from {wanted.__name__}.")
    return given


def require_versions(unchanged: Mapping[StreamId, int]) -> None:
    """Raises `WrongBound` if one is no version, `Unstorable`."""
    if not isinstance(unchanged, Mapping):
        raise TypeError(f"unchanged is {unchanged!r:.100}, and no mapping of streams to versions.")
    for stream, version in unchanged.items():
        check_names(stream)
        require(f"The version of {stream.aggregate_id!r} in unchanged", version)
