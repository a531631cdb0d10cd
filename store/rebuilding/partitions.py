"""Partitions: how many a rebuild has, and in which order they are filled, so that the log is read from disk once.

A range of the log that one partition has just read is still in memory when the next one reads it. If each partition
read a long log to its end first, the beginning would be gone from memory by then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from acci.domain.projections import FoldProjection, Projection
from acci.store.compiling.statements import is_ordered
from acci.store.generations.generations import Partition
from acci.store.projecting.ranges import STRIDE, StrideEnd


def useful_partitions(projection: type[Projection], at_most: int, processes: bool = False) -> int:
    """How many partitions are worth it: one, if order does not matter, since PostgreSQL then reads in parallel itself.

    Also one for a fold in Python, unless each partition has a process of its own: threads would wait for each other.
    """
    if issubclass(projection, FoldProjection):
        return at_most if processes else 1
    return at_most if is_ordered(projection) else 1


def in_one_pass(partitions: Iterable[Partition], end: StrideEnd, stride: int = STRIDE) -> list[Partition]:
    """What is still to fill, cut into pieces at the ends of strides, sorted: all pieces of a range before the next.

    Pieces of one partition are in order; each may be filled when the one before it is done. `end` is `end_of_stride` of
    a connection, so that a hole in the positions is no piece of its own.
    """
    return sorted(
        (piece for part in partitions for piece in _pieces(part, end, stride)), key=lambda piece: piece.target
    )


def _pieces(partition: Partition, end: StrideEnd, stride: int) -> Iterator[Partition]:
    reached = partition.checkpoint
    while reached < partition.target:
        upto = end(reached, stride - reached % stride, partition.target)
        yield replace(partition, checkpoint=reached, target=upto)
        reached = upto
