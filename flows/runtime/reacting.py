"""Reactions as flows and commands run them: where what they decided goes, by the settings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from acci.flows.runtime.flow_sender import FlowSender
from acci.flows.runtime.session import catalogue, direct, keys, pool, session, tracing
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.projecting.following import Notify
from acci.store.reacting.routes import Routes
from acci.store.reacting.running import Done, keep_running, run_until_done
from acci.store.reacting.senders.commands import CommandSender
from acci.store.settings import Settings

CONNECTIONS = 8  # for commands


def reaction_names(wanted: str) -> list[str]:
    """The reactions meant by `wanted`: a name, several separated by commas, or "all". Raises `UnknownName`."""
    found = catalogue()
    if wanted.strip() == "all":
        return sorted(found.reactions)
    return list(dict.fromkeys(found.reaction(name.strip()).name for name in wanted.split(",")))


def react_until_done(names: Sequence[str], notify: Notify) -> Done:
    """Fire, decide and deliver what is due. Raises what `session` does, `UnusableTopic`, `MissingExtra`."""
    settings = Settings.from_environment()
    with session("react") as (connection, catalogue), _routes(settings) as routes:
        return run_until_done(connection, catalogue, names, routes, notify, settings.react_after_promotion)


def keep_reacting(names: Sequence[str], interval: float, stop: Callable[[], bool], notify: Notify) -> Done:
    """The same until `stop()`; a lost database is waited for."""
    settings = Settings.from_environment()
    url, catalogue = direct()
    after_promotion = settings.react_after_promotion
    with _routes(settings) as routes:
        return keep_running(
            url, catalogue, names, routes, interval, stop, notify, keys(), tracing(), after_promotion
        )  # fmt: skip


@contextmanager
def _routes(settings: Settings) -> Iterator[Routes]:
    """Commands to their aggregates here, flow runs to Prefect, messages as the settings' topics say."""
    with pool("append", CONNECTIONS) as (database, catalogue):
        handler = CommandHandler(EventStore(database, catalogue), catalogue)
        yield Routes(settings.topics, CommandSender(handler.handle, catalogue), FlowSender(settings))
