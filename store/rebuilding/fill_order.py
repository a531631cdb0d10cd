"""Ranges: in which order partitions are filled, so that what several of them read is read in one pass.

A range of the log that one partition has just read is still in memory when the next one reads it; by the time that each
has read a long log by itself, its beginning is not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from acci.store.generations.generations import Partition
from acci.store.projecting.ranges import STRIDE


def in_one_pass(partitions: Iterable[Partition], stride: int = STRIDE) -> list[Partition]:
    """What is missing of the partitions, cut where their strides end: all that reads a range before any of the next.

    A partition's own pieces are in order; each is to be filled when the one before is done.
    """
    return sorted((piece for part in partitions for piece in _pieces(part, stride)), key=lambda piece: piece.target)


def _pieces(partition: Partition, stride: int) -> Iterator[Partition]:
    reached = partition.checkpoint
    while reached < partition.target:
        end = min((reached // stride + 1) * stride, partition.target)
        yield replace(partition, checkpoint=reached, target=end)
        reached = end
