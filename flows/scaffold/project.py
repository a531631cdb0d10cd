"""A new project: everything in a folder that appears whole, or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

from acci.domain.errors import AcciError
from acci.flows.local.web_token import web_token
from acci.flows.scaffold import own_wheel
from acci.flows.scaffold.names import CONSTRAINTS, package_name
from acci.flows.scaffold.templates import rendered
from acci.store.settings import CHECKOUT, default_home

VENDOR = "vendor"
DASHBOARD = CHECKOUT / "flows" / "dashboards" / "acci.json"


class FolderInUse(AcciError):
    """The folder for a new project has something in it, or is a file."""

    folder: str

    sentence = "{folder} is there already and is not empty: choose another name, or name another --folder."


def new_project(name: str, folder: Path | None) -> Path:
    """The folder, `name` below the working directory if none is given, with a project that is ready to be installed.

    Nothing is there if this fails. Raises `UnusableName`, `FolderInUse`, `NoWheel`.
    """
    package = package_name(name)
    target = (folder or Path(name)).absolute()
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise FolderInUse(str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _fill(made, package)
        if target.exists():
            _move_into(target, made)  # it stays the same folder: a shell may be in it
        else:
            made.chmod(0o777 & ~_umask())
            made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _move_into(target: Path, made: Path) -> None:
    """All of it, or nothing."""
    moved: list[Path] = []
    try:
        for each in made.iterdir():
            moved.append(each.rename(target / each.name))  # noqa: PERF401 what was moved before a failure counts
    except BaseException:  # Ctrl-C too
        for file in moved:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        raise


def _fill(folder: Path, package: str) -> None:
    wheel = None if own_wheel.is_from_index() else own_wheel.write_wheel(folder / VENDOR)
    values = {
        "package": package,
        "distribution": package.replace("_", "-"),
        "title": package.replace("_", " ").capitalize(),
        "version": own_wheel.version(),
        "sources": _source(wheel),
        "wheel": f"./{VENDOR}/{wheel.name} " if wheel else "",
        "vendored_row": "| `vendor/` | the wheel of ACCI that is installed |\n" if wheel else "",
    }
    for path, content in rendered("project", Path(package), values):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    shutil.copyfile(CONSTRAINTS, folder / "constraints.txt")
    shutil.copyfile(DASHBOARD, folder / "operations" / "grafana" / DASHBOARD.name)
    web_token(default_home(folder))


def _source(wheel: Path | None) -> str:
    """Where uv finds ACCI; pip gets it from the Makefile, as it takes no relative path from here."""
    if wheel is None:
        return ""
    return f'\n[tool.uv.sources]  # until an index has ACCI\nacci = {{ path = "{VENDOR}/{wheel.name}" }}\n'


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
