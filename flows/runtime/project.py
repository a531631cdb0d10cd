"""The user's project in this process: its packages can be imported, and its contexts are registered."""

import sys

from acci.store.registry import Catalogue, load
from acci.store.settings import Settings


def registered(settings: Settings) -> Catalogue:
    """What the contexts register. Afterwards the project's packages can be imported, after all that is installed.

    Raises `DefinitionError`.
    """
    if settings.project is not None and str(settings.project) not in sys.path:
        sys.path.append(str(settings.project))
    return load(settings.contexts)
