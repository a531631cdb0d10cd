"""`make docs`: lays out the pages, checks them, builds the site in .site/html, and checks that it needs nobody else."""

import shutil
import subprocess
import sys

from tests.site.checks import outside, problems
from tests.site.pages import DOCS, ROOT, lay_out

SITE = ROOT / ".site"


def main() -> int:
    """0 if the site was built; 1 after saying what is wrong."""
    config = SITE / "zensical.toml"
    lay_out(SITE / "pages")
    shutil.copy(DOCS / "zensical.toml", config)
    if found := problems(SITE / "pages", config):
        return _say(found)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(config)]
    built = subprocess.run(command, cwd=SITE, check=False, capture_output=True, text=True)
    if built.returncode:
        return _say([built.stdout, built.stderr])
    if found := outside(SITE / "html"):
        return _say(found)
    print(f"Built {len(list((SITE / 'html').rglob('*.html')))} pages: {SITE / 'html' / 'index.html'}")  # noqa: T201
    return 0


def _say(lines: list[str]) -> int:
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
