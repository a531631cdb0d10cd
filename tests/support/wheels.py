"""The wheel of this checkout, built as a user's would be."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.shell import CHECKOUT

WHEEL = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir")


def built(folder: Path) -> Path:
    """The wheel, made in `folder` from the files that the repository has, without the tests."""
    source = folder / "source"
    tracked = run("git", "ls-files", "-co", "--exclude-standard", cwd=CHECKOUT).split("\n")
    for name in filter(None, tracked):
        if not name.startswith("tests/") and (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((CHECKOUT / name).read_bytes())
    run(sys.executable, *WHEEL, folder, ".", cwd=source)
    return next(folder.glob("acci-*.whl"))


def run(*words: str | Path, cwd: Path) -> str:
    """What a program prints that ends well, without what the shell's PYTHONPATH has: it would not be installed."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
