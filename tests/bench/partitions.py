"""What partitions bring: a rebuild in two at the same time, beside the serial one.

Of read models where order matters; all others are filled in one, which PostgreSQL runs in parallel by itself.
"""

from functools import partial

from acci.domain.projections import Projection
from acci.domain.users.user_view import UserView
from tests.bench.activity import UserRows
from tests.bench.ground import Ground
from tests.bench.rebuild import rebuild
from tests.bench.rows import Row
from tests.bench.turns import medians

PROMISE = "≤ 1"


def measure(ground: Ground, events: int, turns: int) -> list[Row]:
    """The ratio is to the rebuild in one partition."""
    url = ground.history(events)
    return [row for projection in (UserView, UserRows) for row in _contest(url, projection, turns)]


def _contest(url: str, projection: type[Projection], turns: int) -> list[Row]:
    taken = medians({str(count): partial(rebuild, url, projection, count) for count in (1, 2)}, turns)
    return [
        Row(f"{projection.name}, one partition", taken["1"], "s"),
        Row(f"{projection.name}, two at the same time", taken["2"], "s", taken["2"] / taken["1"], PROMISE),
    ]
