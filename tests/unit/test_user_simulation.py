"""Made-up users: a history that the aggregate itself could have written, the same for the same plan."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from uuid import uuid4

from acci.domain.commands import Command, CommandMetadata
from acci.domain.events import StreamId
from acci.domain.simulations import Plan
from acci.domain.users.events import UserCreated
from acci.domain.users.simulation import UserSimulation
from acci.domain.users.user import User

END = datetime(2024, 6, 1, tzinfo=UTC)
PLAN = Plan(seed=1, batch="0", writer=0, tenants=10, events=20_000, start=END - timedelta(days=90), end=END)
HISTORY = list(UserSimulation().events(PLAN))


def test_streams_are_whole_and_in_order() -> None:
    versions: dict[StreamId, int] = defaultdict(int)
    for event in HISTORY:
        versions[event.stream] += 1
        assert event.version == versions[event.stream]
    assert len(HISTORY) == PLAN.events


def test_the_aggregate_grants_every_step() -> None:
    """Each event is what its command leads to in the state at that time."""
    states: dict[StreamId, User] = {}
    commands = UserSimulation().commands(PLAN)
    for command in islice(commands, 5000):
        stream = StreamId(command.tenant_id, "User", command.data.aggregate_id)
        metadata = CommandMetadata(user_id="u", correlation_id="c", tenant_id=command.tenant_id, timestamp=END)
        state = states.get(stream, User())
        (data,) = state.decide(Command(uuid4(), command.data, metadata)) or (None,)
        if data is not None:
            method = User.evolutions[data.event_type()]
            states[stream] = method(state, replace(HISTORY[0], data=data, event_type=data.event_type()))
    assert len(states) > 100


def test_every_kind_of_event_in_a_valid_order() -> None:
    kinds = Counter(event.event_type for event in HISTORY)
    assert set(kinds) == {"UserCreated", "UserUpdated", "UserDeactivated", "UserReactivated", "UserDeleted"}
    states: dict[StreamId, str] = {}
    allowed = {
        "UserCreated": ({""}, "active"),
        "UserUpdated": ({"active"}, "active"),
        "UserDeactivated": ({"active"}, "inactive"),
        "UserReactivated": ({"inactive"}, "active"),
        "UserDeleted": ({"active", "inactive"}, "deleted"),
    }
    for event in HISTORY:
        before, after = allowed[event.event_type]
        assert states.get(event.stream, "") in before
        states[event.stream] = after


def test_time_goes_on_within_the_period() -> None:
    moments = [event.timestamp for event in HISTORY]
    assert all(one <= other for one, other in pairwise(moments))
    assert PLAN.start <= moments[0]
    assert moments[-1] <= PLAN.end
    assert moments[-1] - moments[0] > timedelta(days=89)


def test_activity_is_skewed() -> None:
    users = Counter(event.aggregate_id for event in HISTORY)
    tenants = Counter(event.tenant_id for event in HISTORY if isinstance(event.data, UserCreated))
    assert len(tenants) == PLAN.tenants
    assert tenants.most_common()[0][1] > 5 * tenants.most_common()[-1][1]
    busiest = sum(count for _, count in users.most_common(len(users) // 10))
    assert busiest > 0.3 * len(HISTORY)


def test_the_same_plan_gives_the_same() -> None:
    again = list(UserSimulation().events(PLAN))
    assert again == HISTORY
    for other in (replace(PLAN, seed=2), replace(PLAN, batch="1"), replace(PLAN, writer=1)):
        changed = list(islice(UserSimulation().events(other), 100))
        assert changed != HISTORY[:100]


def test_batches_and_writers_share_no_user() -> None:
    mine = {event.aggregate_id for event in HISTORY}
    for other in (replace(PLAN, batch="1"), replace(PLAN, writer=1)):
        assert mine.isdisjoint(event.aggregate_id for event in islice(UserSimulation().events(other), 5000))


def test_many_tenants_have_names_of_their_own() -> None:
    events = UserSimulation().events(replace(PLAN, tenants=60))
    assert len({event.tenant_id for event in events}) == 60
