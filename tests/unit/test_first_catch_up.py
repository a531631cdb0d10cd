"""What `acci up` says of the first catch-up when it did not simply complete."""

import pytest

from acci.flows.local.stack import became


@pytest.mark.parametrize(
    ("state", "said"),
    [("FAILED", "failed"), ("CRASHED", "crashed"), ("RUNNING", "is running"), ("PAUSED", "is paused")],
)
def test_the_outcome_is_in_plain_words(state: str, said: str) -> None:
    assert became(state) == said
