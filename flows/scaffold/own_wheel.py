"""ACCI as the wheel that a project is given: it installs from this file, until an index has ACCI."""

import base64
import csv
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.settings import CHECKOUT

# What pip writes where it installs, and no wheel has.
OF_THE_INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
NOT_BUILT_FROM = ("docs", "tests", "build", "dist", "*.egg-info", "__pycache__", ".*")
WHEEL = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir")


class NoWheel(AcciError):
    """This ACCI cannot be packed for a project; `problem` says why."""

    problem: str

    sentence = "ACCI cannot be packed as a wheel for the project: {problem}. Install ACCI from a wheel, and try again."


def version() -> str:
    return distribution("acci").version


def is_from_index() -> bool:
    """Whether ACCI was installed by its name: then a project gets it the same way (PEP 610)."""
    return not _is_checkout() and distribution("acci").read_text("direct_url.json") is None


def write_wheel(folder: Path) -> Path:
    """This ACCI, as a wheel in `folder`: built from the checkout, or packed again from the files that are installed.

    So it needs neither the file nor the folder that it was installed from. Raises `NoWheel`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _built(folder) if _is_checkout() else _packed(distribution("acci"), folder)


def _is_checkout() -> bool:
    return (CHECKOUT / "pyproject.toml").is_file()


def _built(folder: Path) -> Path:
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "acci"
        shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(*NOT_BUILT_FROM))
        done = subprocess.run(
            [sys.executable, *WHEEL, str(folder), "."], cwd=source, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise NoWheel((done.stderr.strip().splitlines() or ["pip failed"])[-1].rstrip("."))
    return next(folder.glob("acci-*.whl"))


def _packed(installed: Distribution, folder: Path) -> Path:
    """The installed files, with a RECORD of just these."""
    file = folder / f"acci-{installed.version}-py3-none-any.whl"
    record = io.StringIO()
    listed = csv.writer(record, lineterminator="\n")
    of_metadata = f"acci-{installed.version}.dist-info"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as wheel:
        for each in installed.files or ():
            is_ours = each.parts[0] in ("acci", of_metadata) and "__pycache__" not in each.parts
            if not is_ours or each.name in OF_THE_INSTALLER:
                continue
            content = Path(str(each.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            wheel.writestr(each.as_posix(), content)
            listed.writerow([each.as_posix(), f"sha256={digest}", len(content)])
        listed.writerow([f"{of_metadata}/RECORD", "", ""])
        wheel.writestr(f"{of_metadata}/RECORD", record.getvalue())
    return file
