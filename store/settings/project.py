"""The user's project: the nearest folder upward whose `pyproject.toml` has `[tool.acci]`."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acci.domain.errors import AcciError
from acci.store.settings.values import WrongSetting

CHECKOUT = Path(__file__).resolve().parents[2]  # the package's folder: ACCI's own checkout, if it is not installed
FILE = "pyproject.toml"
PROJECT_VARIABLE = "ACCI_PROJECT"


class UnusableProject(AcciError):
    """The project, or its file with `[tool.acci]`, cannot be used; `problem` says why."""

    file: str
    problem: str

    def __str__(self) -> str:
        otherwise = f"let {PROJECT_VARIABLE} name your project's folder"
        return f"{self.file} cannot be used: {self.problem}. Correct it, or {otherwise}."


@dataclass(frozen=True)
class Project:
    """A folder, and what `[tool.acci]` of its `pyproject.toml` says: nothing if there is none."""

    folder: Path
    table: Mapping[str, Any]

    @property
    def file(self) -> Path:
        return self.folder / FILE


def find_project(environment: Mapping[str, str]) -> Project | None:
    """The project that ACCI_PROJECT names, else the nearest upward from the working directory, else that directory.

    None in ACCI's own checkout, and for its `acci` wherever there is no project. Raises `UnusableProject`,
    `WrongSetting`.
    """
    if named := environment.get(PROJECT_VARIABLE, "").strip():
        folder = Path(named).expanduser().resolve()
        if not folder.is_dir():
            raise WrongSetting(PROJECT_VARIABLE, named, "the folder of your project")
        return None if _is_checkout(folder) else Project(folder, _table(folder / FILE) or {})
    here = _working_directory()
    for folder in (here, *here.parents):
        if _is_checkout(folder):
            return None
        if (table := _table(folder / FILE)) is not None:
            _refuse_foreign(folder / FILE, here)
            return Project(folder, table)
    return None if _is_checkout(CHECKOUT) else Project(here, {})


def _is_checkout(folder: Path) -> bool:
    return folder == CHECKOUT and (CHECKOUT / FILE).is_file()


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise UnusableProject("The working directory", error.strerror or str(error)) from None


def _table(file: Path) -> Mapping[str, Any] | None:
    """What `[tool.acci]` says; None without one. Of a file that has no such word nothing is read."""
    try:
        content = file.read_bytes()
        if b"acci" not in content:
            return None
        read = tomllib.loads(content.decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableProject(str(file), error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise UnusableProject(str(file), "it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnusableProject(str(file), f"it is not TOML ({error})") from None
    tool = read.get("tool")
    found = tool.get("acci") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise UnusableProject(str(file), "[tool.acci] is no table")
    return found


def _refuse_foreign(file: Path, here: Path) -> None:
    """What it names is imported, so in a folder above it must be the user's own, root's, or of who owns this folder."""
    owner = file.stat().st_uid
    if file.parent != here and owner not in (os.getuid(), 0, here.stat().st_uid):
        raise UnusableProject(str(file), "it belongs to another user, and what it names would run as you")
