"""All that the tutorial says, in order, in one folder: files, changes, commands, and what a reader then sees."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acci.store.embedded.ports import free_port
from tests.support.pages import Block, executed, name_of
from tests.support.prefect_server import wait_for
from tests.support.shell import CHECKOUT

PAGES = sorted((CHECKOUT / "docs" / "tutorial").glob("[0-9]*.md"))
VENV = CHECKOUT / ".venv"
OURS = ("ACCI_", "PREFECT_", "PYTEST_", "PYTHONPATH", "VIRTUAL_ENV", "MAKE", "MFLAGS")
FRAMES = re.compile(r"[\s=\u2500-\u257f]+")  # how wide a table is depends on what it holds
pytestmark = [pytest.mark.tutorial, pytest.mark.timeout(1800)]


class Reader:
    """Someone at the tutorial: a shell that keeps its folder and variables, and the terminals that are left open."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._kept = folder, folder / ".kept"
        self._terminals: list[subprocess.Popen[bytes]] = []
        self._said = ""
        self.problems: list[str] = []
        web, prefect, database = free_port(), free_port(), free_port()
        self._ports = {  # those of the text may be in use
            "acci serve": f"acci serve --port {web}",
            "127.0.0.1:8000": f"127.0.0.1:{web}",
            "make up": f'make up ARGS="--port {prefect} --database-port {database}"',
        }
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        self._environment |= {"PATH": f"{VENV / 'bin'}:{os.environ['PATH']}", "COLUMNS": "200", "CI": "true"}
        self._kept.write_text(f"cd {folder}\n")

    def read(self, page: Path) -> None:
        for block in blocks_of(page):
            where = f"{name_of(page)}, line {block.line}"
            if block.language == "text":
                if not shows(block.text, self._said):
                    self.problems.append(f"{where}: it says\n{block.text}but one sees\n{self._said}")
            elif block.language == "diff":
                self._change(block, where)
            elif block.file is not None:
                self._project_file(block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "before":
                self._have_installed()
            elif block.until is not None:
                self._open_terminal(block.text, block.until, where)
            else:
                self._shell(block, where)

    def close(self) -> None:
        """Afterwards Ctrl-C has ended what runs in the terminals, the last one first."""
        for terminal in reversed(self._terminals):
            os.killpg(terminal.pid, signal.SIGINT)
            try:
                terminal.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(terminal.pid, signal.SIGKILL)
                terminal.wait()

    def _project_file(self, name: str) -> Path:
        return self._folder / "shop" / name

    def _have_installed(self) -> None:
        """What `make` would install is this checkout's environment. Nothing runs at times that no reader chose."""
        installed = self._folder / "shop" / ".venv"
        installed.mkdir()
        for each in ("bin", "lib", "include", "src", "pyvenv.cfg"):
            (installed / each).symlink_to(VENV / each)
        settings = self._project_file("pyproject.toml")
        before = settings.read_text()
        settings.write_text(
            re.sub(r"(\[tool\.acci\.schedules\][^\n]*\n).*?\n\n", r'\1catch-up = "off"\n\n', before, flags=re.DOTALL)
        )
        assert settings.read_text() != before
        (installed / ".installed").touch()

    def _change(self, block: Block, where: str) -> None:
        lines = [(line[:1], line[1:]) for line in block.text.splitlines()]
        old = "".join(f"{text}\n" for mark, text in lines if mark != "+")
        new = "".join(f"{text}\n" for mark, text in lines if mark != "-")
        file = self._project_file(str(block.file))
        content = file.read_text(encoding="utf-8")
        assert content.count(old) == 1, f"{where}: {block.file} has {content.count(old)} times\n{old}"
        file.write_text(content.replace(old, new), encoding="utf-8")

    def _program(self, text: str) -> list[str]:
        for named, real in self._ports.items():
            text = text.replace(named, real)
        kept = f'{{ export -p; echo "cd \\"$PWD\\""; declare -p token 2>/dev/null || true; }} > "{self._kept}"'
        return ["bash", "-euo", "pipefail", "-c", f'. "{self._kept}"\n{text}\n{kept}']

    def _shell(self, block: Block, where: str) -> None:
        done = subprocess.run(
            self._program(block.text), env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        said = done.stdout.decode()
        self._said = said + done.stderr.decode() if block.fails else said
        if (done.returncode != 0) != block.fails:
            self.problems.append(f"{where} ended with {done.returncode}:\n{said}{done.stderr.decode()}")

    def _open_terminal(self, text: str, until: str, where: str) -> None:
        file = self._folder / f"terminal-{len(self._terminals)}"
        with file.open("wb") as output:
            terminal = subprocess.Popen(
                self._program(f"exec {text}"),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._terminals.append(terminal)

        def has_said() -> bool:
            assert terminal.poll() is None, f"{where}:\n{file.read_text()}"
            return until in file.read_text()

        wait_for(has_said, 300, f"{where}: {until}")


def blocks_of(page: Path) -> list[Block]:
    """What a reader does and sees, in order."""
    return executed(page, shown=("text",))


def shows(said: str, seen: str) -> bool:
    """Whether one sees the text, perhaps among more; `…` in it stands for anything, lines of a table for nothing."""
    parts = [re.escape(FRAMES.sub(" ", part).strip()) for part in said.split("…")]
    return re.search(r"\s?.*?\s?".join(parts), FRAMES.sub(" ", seen), re.DOTALL) is not None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def test_the_tutorial_does_as_it_says(reader: Reader) -> None:
    for page in PAGES:
        reader.read(page)
    assert not reader.problems, "\n\n".join(reader.problems)


def test_every_page_of_the_tutorial_is_read_in_the_order_of_its_contents() -> None:
    contents = (CHECKOUT / "docs" / "tutorial" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d+\. \[.*\]\((.*)\)$", contents, re.MULTILINE) == [page.name for page in PAGES]
