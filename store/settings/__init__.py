"""Settings: from the environment, then the project's `[tool.acci]`, then defaults.

Which settings there are is data: begin with `definitions`. Nothing here opens a connection or changes anything.
"""

from acci.store.settings.definitions import DEFAULT_CONTEXTS, default_home
from acci.store.settings.limits import Limits
from acci.store.settings.passwords import hide_password
from acci.store.settings.project import CHECKOUT, PROJECT_VARIABLE, UnusableProject
from acci.store.settings.settings import Settings
from acci.store.settings.sources import VARIABLES, Found, SecretInFile, UnknownSetting, found_settings
from acci.store.settings.topics import Topic, UnusableTopic, shown_topic
from acci.store.settings.values import WrongSetting

__all__ = [
    "CHECKOUT",
    "DEFAULT_CONTEXTS",
    "PROJECT_VARIABLE",
    "VARIABLES",
    "Found",
    "Limits",
    "SecretInFile",
    "Settings",
    "Topic",
    "UnknownSetting",
    "UnusableProject",
    "UnusableTopic",
    "WrongSetting",
    "default_home",
    "found_settings",
    "hide_password",
    "shown_topic",
]
