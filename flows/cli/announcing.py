"""What a command says that runs until it is stopped: to people on stderr, or as JSON among what it logs."""

from collections.abc import Callable

from acci.flows.cli.printing import console, passage
from acci.store.settings import Settings


def announcing(settings: Settings) -> Callable[[str], None]:
    """How it speaks. Afterwards what is logged goes to stderr, too, in the format of the settings."""
    from acci.flows.runtime.logs import log, set_up

    set_up(settings)
    if settings.log_format == "json":
        return log.info
    screen = console(stderr=True)
    return lambda said: screen.print(passage(said), markup=False, soft_wrap=True)
