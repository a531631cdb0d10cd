"""Two engines, one meaning: for random projections and histories, compiled SQL and the reference engine agree.

ACCI_TEST_CASES says how many histories to try (2,000 unless set), ACCI_TEST_SEED which:
`ACCI_TEST_CASES=50000 ACCI_TEST_SEED=7 make test ARGS=tests/integration/compiling/test_two_engines.py`.
"""

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from acci.domain.errors import CannotApply
from acci.domain.projections.reference import Rows, apply
from acci.store.postgres.database import Connection
from acci.store.testing.harness import ProjectionHarness, logged, spelled_out
from tests.support.strategies.histories import History, histories
from tests.support.strategies.projections import RandomProjection, projections

CASES = int(os.environ.get("ACCI_TEST_CASES", "2000"))
SEED = 1000 * int(os.environ.get("ACCI_TEST_SEED", "0"))
HISTORIES = 6  # for each projection: compiling it takes as long as so many
SHARES = 4  # so that parallel test processes have something to share


@pytest.mark.timeout(0)
@pytest.mark.parametrize("share", range(SHARES))
def test_compiled_and_reference_engine_agree(connection: Connection, share: int) -> None:
    @seed(SEED + share)
    @settings(
        max_examples=CASES // HISTORIES // SHARES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(projections, st.lists(histories, min_size=HISTORIES, max_size=HISTORIES), st.sampled_from((1, 1, 2, 3)))
    def agree(made: RandomProjection, tried: list[History], partitions: int) -> None:
        with connection.transaction(force_rollback=True):
            harness = ProjectionHarness(connection, made.projection, made.table, partitions)
            for history in tried:
                check(harness, history)

    agree()


def check(harness: ProjectionHarness, history: History) -> None:
    """The first batch fills the empty table, the others are applied to what is there; and so does the reference."""
    events = history.recorded(after=1000)
    with logged(harness.connection, events):
        expected: Rows = {}
        for number, batch in enumerate(history.batches(events)):
            try:
                expected = apply(harness.projection, harness.columns, expected, batch)
            except CannotApply:
                with pytest.raises(CannotApply):
                    harness.take(batch, table_is_empty=number == 0)
                return
            found = harness.take(batch, table_is_empty=number == 0)
            assert spelled_out(found) == spelled_out(expected), (
                f"compiled {spelled_out(found)}, reference {spelled_out(expected)}"
            )
