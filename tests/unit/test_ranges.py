"""Ranges: everything reads one range of the log before anything reads the next."""

from acci.store.generations.generations import Partition
from acci.store.projecting.ranges import Span, strides
from acci.store.rebuilding.partitions import in_one_pass


def pieces(*partitions: Partition) -> list[tuple[int, int, int, int]]:
    found = in_one_pass(partitions, lambda after, size, upto: min(after + size, upto), stride=100)
    return [(each.generation, each.partition, each.checkpoint, each.target) for each in found]


def test_all_partitions_read_a_range_before_the_next() -> None:
    one, other = Partition(1, 0, 1, 0, 250), Partition(2, 0, 1, 0, 250)
    assert pieces(one, other) == [
        (1, 0, 0, 100), (2, 0, 0, 100), (1, 0, 100, 200), (2, 0, 100, 200), (1, 0, 200, 250), (2, 0, 200, 250)
    ]  # fmt: skip


def test_a_partition_that_was_interrupted_joins_in_where_it_stopped() -> None:
    assert pieces(Partition(1, 0, 2, 0, 150), Partition(1, 1, 2, 100, 150)) == [
        (1, 0, 0, 100), (1, 0, 100, 150), (1, 1, 100, 150)
    ]  # fmt: skip
    assert pieces(Partition(1, 0, 1, 70, 150)) == [(1, 0, 70, 100), (1, 0, 100, 150)]


def test_a_hole_is_no_piece_of_its_own() -> None:
    """Events at 1 to 50, and from 1,010 on."""

    def end(after: int, size: int, upto: int) -> int:
        return min(1_009 if 50 <= after + size < 1_009 else after + size, upto)

    cut = in_one_pass([Partition(1, 0, 1, 0, 1_250), Partition(2, 0, 1, 120, 1_250)], end, stride=100)
    assert [(each.generation, each.checkpoint, each.target) for each in cut] == [
        (1, 0, 1_009), (2, 120, 1_009), (1, 1_009, 1_100), (2, 1_009, 1_100), (1, 1_100, 1_200), (2, 1_100, 1_200),
        (1, 1_200, 1_250), (2, 1_200, 1_250)
    ]  # fmt: skip


def test_a_finished_partition_has_nothing_left() -> None:
    assert pieces(Partition(1, 0, 1, 150, 150), Partition(2, 0, 1, 0, 0)) == []


def test_only_the_first_stride_finds_the_table_empty() -> None:
    cut = list(strides(Span(10, 35, partition=1, partitions=2, table_is_empty=True), 10))
    assert [(each.after, each.upto, each.table_is_empty) for each in cut] == [
        (10, 20, True),
        (20, 30, False),
        (30, 35, False),
    ]
    assert all((each.partition, each.partitions) == (1, 2) for each in cut)
    assert list(strides(Span(7, 7, table_is_empty=True))) == []
