"""The oldest PostgreSQL that ACCI runs on, as a primary and its standby."""

from collections.abc import Iterator

import pytest

from tests.faults.test_replica import reads_the_replica
from tests.faults.test_standby import answers_reading, keeps_the_mark, refuses_writing
from tests.support.clusters import OF_DEBIAN
from tests.support.pairs import Pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    assert OF_DEBIAN.exists(), "install it: apt-get install postgresql-15"
    both = Pair(OF_DEBIAN, tmp_path_factory.mktemp("pair"))
    yield both
    both.stop()


def test_read_only_commands_work(pair: Pair) -> None:
    answers_reading(pair)


def test_writes_are_refused_with_one_sentence(pair: Pair) -> None:
    refuses_writing(pair)


def test_only_positions_that_cannot_change_are_final(pair: Pair) -> None:
    keeps_the_mark(pair)


def test_it_can_be_the_replica_that_reads_go_to(pair: Pair) -> None:
    reads_the_replica(pair)
