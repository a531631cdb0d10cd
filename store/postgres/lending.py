"""A pool's connection for the length of a `with`, and what becomes of pools when the process is forked."""

import os
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import psycopg

from acci.domain.errors import AcciError

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

C = TypeVar("C", bound=psycopg.Connection[Any])


class Loan(Generic[C]):
    """Lends a connection of `pool`. Written as a generator, lending took half as long again."""

    __slots__ = ("_connection", "_none_free", "_pool")

    def __init__(self, pool: "ConnectionPool[C]", none_free: Callable[[], AcciError]) -> None:
        self._pool = pool
        self._none_free = none_free

    def __enter__(self) -> C:
        try:
            self._connection = self._pool.getconn()
        except psycopg.OperationalError as error:  # PoolTimeout
            raise self._none_free() from error
        return self._connection

    def __exit__(self, *_: object) -> None:
        broken = self._connection.broken
        self._pool.putconn(self._connection)
        if broken:
            self._pool.check()  # the others are probably lost as well; the next borrower should not find out


class HasPool(Protocol):
    """Has a pool, and can forget it."""

    def leave_to_parent(self) -> object:
        """Forget the pool without a word to the server; gives the pool."""


_OPEN: "weakref.WeakSet[HasPool]" = weakref.WeakSet()
_OF_PARENTS: list[object] = []


def forget_when_forked(each: HasPool) -> None:
    """In a process forked off from now on, `each` has forgotten its pool: the connections are the parent's."""
    _OPEN.add(each)


def _leave_to_parent() -> None:
    # Never collected, since that would end them.
    _OF_PARENTS.extend(each.leave_to_parent() for each in list(_OPEN))


os.register_at_fork(after_in_child=_leave_to_parent)
