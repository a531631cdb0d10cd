"""Where each setting's value comes from: the environment, then the project's `[tool.acci]`, then the default."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.settings.definitions import SETTINGS, Setting
from acci.store.settings.passwords import has_password
from acci.store.settings.project import FILE, PROJECT_VARIABLE, Project, find_project
from acci.store.settings.values import NAMES


class UnknownSetting(AcciError):
    """`[tool.acci]` of `file` has a key that is no setting; `known` lists those that are."""

    file: str
    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        near = get_close_matches(self.name, self.known, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        return f"[tool.acci] of {self.file} has no setting {self.name!r}.{meant} Known: {', '.join(self.known)}."


class SecretInFile(AcciError):
    """`[tool.acci]` of `file` holds a secret, which belongs in the environment."""

    file: str
    name: str
    variable: str

    sentence = (
        "{name} in [tool.acci] of {file} holds a secret. Secrets belong in the environment, not in a "
        "file: remove it there, and set {variable}."
    )


@dataclass(frozen=True)
class Found:
    """A setting's value, and where it comes from: `environment ACCI_X`, `pyproject.toml [tool.acci] x`, `default`."""

    setting: Setting
    value: object
    origin: str


class Sources:
    """What the environment and the project's file say, the file checked as a whole.

    Raises `UnusableProject`, `UnknownSetting`, `SecretInFile`, `WrongSetting`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._project = find_project(environment)
        self._filed = _checked(self._project) if self._project else {}

    @property
    def project(self) -> Path | None:
        """The project's folder; None in ACCI's own checkout."""
        return self._project.folder if self._project else None

    def find(self, settings: Iterable[Setting]) -> list[Found]:
        """Each setting's value. An empty variable counts as unset. Raises `WrongSetting`."""
        return [self._find(setting) for setting in settings]

    def values(self, settings: Iterable[Setting]) -> dict[str, object]:
        """The same by the names of their fields."""
        return {found.setting.field: found.value for found in self.find(settings)}

    def _find(self, setting: Setting) -> Found:
        text = self._environment.get(setting.variable, "").strip()
        if setting.kind is NAMES:
            text = text.strip(" ,")
        if text:
            value = setting.kind.read_text(setting.variable, text, Path())
            return Found(setting, value, f"environment {setting.variable}")
        if setting.key in self._filed:
            return Found(setting, self._filed[setting.key], f"{FILE} [tool.acci] {setting.key}")
        return Found(setting, setting.default(self.project), "default")


# Those of this process's environment that mean something to ACCI; the mark is set by `acci up`.
VARIABLES = frozenset({*(each.variable for each in SETTINGS if each.variable), PROJECT_VARIABLE, "ACCI_STARTED_BY_UP"})


def found_settings(environment: Mapping[str, str] = os.environ) -> tuple[Path | None, list[Found]]:
    """The project's folder, and every setting as it is now. Raises what `Settings.from_environment` raises."""
    sources = Sources(environment)
    return sources.project, sources.find(SETTINGS)


def _checked(project: Project) -> dict[str, object]:
    """The values of `[tool.acci]`."""
    file, by_key = str(project.file), {setting.key: setting for setting in SETTINGS if setting.in_file}
    values: dict[str, object] = {}
    for key, value in project.table.items():
        setting = by_key.get(key)
        if setting is None:
            raise UnknownSetting(file, key, tuple(each.key for each in by_key.values() if not each.secret))
        if setting.secret or (setting.kind.may_hold_password and isinstance(value, str) and has_password(value)):
            raise SecretInFile(file, key, setting.variable)
        values[key] = setting.kind.read(f"{key} in [tool.acci] of {file}", value, project.folder)
    return values
