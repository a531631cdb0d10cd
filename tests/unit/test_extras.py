"""Extras: every third-party import is of the base, or behind the extra that brings it."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

from acci.store.extras import EXTRAS, MissingExtra, needs, require
from tests.support.shell import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
MODULES = sorted(file for top in ("domain", "store", "flows") for file in (CHECKOUT / top).rglob("*.py"))
# As if nothing were installed but the base.
WITHOUT = f"""
import sys
MISSING = {sorted({name.partition(".")[0] for _, names in EXTRAS.values() for name in names})}
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
"""
IMPORT_ALL = """
from importlib import import_module
from acci.store.extras import MissingExtra
for name in sys.argv[1:]:
    try:
        import_module(name)
    except MissingExtra as missing:
        print(name, missing.extra)
"""
RUN = "from acci.flows.cli import main; main()"


def test_the_extras_are_those_of_the_package() -> None:
    assert {*EXTRAS, "all", "dev"} == set(PROJECT["optional-dependencies"])
    of_all = PROJECT["optional-dependencies"]["all"]
    assert of_all == [f"acci[{','.join(sorted(EXTRAS))}]"]


def test_no_exact_pin_is_in_the_metadata() -> None:
    for_users = [
        *PROJECT["dependencies"],
        *(each for extra in EXTRAS for each in PROJECT["optional-dependencies"][extra]),
    ]
    assert [each for each in for_users if "==" in each] == []
    bounded = [each for extra in EXTRAS.keys() - {"flows"} for each in PROJECT["optional-dependencies"][extra]]
    assert [each for each in bounded if re.match("(fastapi|sqlalchemy|pandas|uvicorn).*<", each)] == []


def test_every_import_is_of_the_base_or_of_an_extra_that_the_module_names() -> None:
    of_base = _of_base()
    unguarded = []
    for file in MODULES:
        guarded = {name for extra in _extras_named(file) for name in EXTRAS[extra][1]}
        of_package = {name for folder in file.parents for name in _needs_of_package(folder)}
        for line, name, is_behind in _third_party_imports(ast.parse(file.read_text())):
            if name.partition(".")[0] not in of_base | of_package | (guarded if is_behind else set()):
                unguarded.append(f"{file.relative_to(CHECKOUT)}:{line} imports {name}")
    assert unguarded == []


def test_with_the_base_alone_each_module_is_imported_or_names_its_extra() -> None:
    names = [".".join(("acci", *file.relative_to(CHECKOUT).with_suffix("").parts)) for file in MODULES]
    importable = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + IMPORT_ALL, *importable], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    refused = dict(line.split() for line in done.stdout.splitlines())
    assert refused["acci.flows.runtime.run_names"] == "flows"
    assert refused["acci.store.projecting.following"] == "projections"
    writing = ("acci.store.commands", "acci.store.log", "acci.store.aggregates", "acci.store.postgres")
    assert [name for name in refused if name.startswith(writing)] == []


def test_the_constraints_shipped_are_what_is_tested() -> None:
    tested = {line for name in ("requirements.txt", "requirements-dask.txt") for line in _pins(name)}
    assert set(_pins("constraints.txt")) <= tested
    assert any(line.startswith("prefect==") for line in _pins("constraints.txt"))


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("run rebuild user_view", "flows"),
        ("run audit", "flows"),
        ("up", "flows"),
        ("deploy", "flows"),
        ("worker", "flows"),
        ("follow", "projections"),
        ("react", "flows"),
        ("run react", "flows"),
        ("serve", "web"),
        ("as-of user_view --tenant t --key a --position 1", "projections"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(command: str, extra: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + RUN, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("acci: ")
    assert f"pip install 'acci[{extra}]'" in done.stderr


def test_the_doctor_looks_at_what_the_base_has(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + RUN, "doctor"],
        env={"ACCI_DATABASE_URL": "postgresql://127.0.0.1:1/none", "ACCI_HOME": str(tmp_path), "ACCI_DASK": "2"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert f"Not installed: {', '.join(EXTRAS)};" in done.stdout
    wrong = [
        line.partition(":")[0].removeprefix("wrong").strip() for line in done.stdout.splitlines() if "wrong" in line
    ]
    assert wrong == ["extra dask", "database"]
    assert "Prefect: Not looked at: the extra flows is not installed." in done.stdout


def test_help_needs_no_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT + RUN, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_application_needs_no_extra() -> None:
    program = WITHOUT + "import acci; acci.Application; acci.AsyncApplication; acci.acting_as"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_traces_that_cannot_be_made_are_a_warning() -> None:
    program = WITHOUT + "from acci.store.telemetry import Tracing; print(Tracing.from_environment())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"OTEL_TRACES_EXPORTER": "otlp"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "None\n", done.stderr
    assert "pip install 'acci[tracing]'" in done.stderr


def test_what_the_extra_does_not_bring_stays_an_error_of_import() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"), needs("flows"):
        import nowhere  # type: ignore[import-not-found] # noqa: F401


def test_a_missing_module_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    require("flows")
    monkeypatch.setitem(EXTRAS, "web", ("The web API", ("nowhere",)))
    with pytest.raises(MissingExtra, match="nowhere"):
        require("web")


def test_what_a_checkout_installs_is_locked_by_hashes() -> None:
    for name in ("requirements.txt", "requirements-dask.txt"):
        parts = re.split(r"\n(?=\S)", (CHECKOUT / name).read_text().strip())
        for pinned in parts[1:]:
            pin, *hashes = pinned.split(" \\\n    ")
            assert re.fullmatch(r"[a-z0-9.-]+==\S+( ; .+)?", pin), pin
            assert hashes, pin
            assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes), pin
    assert "--hash" not in (CHECKOUT / "constraints.txt").read_text(), "pip would refuse a project of one's own"
    installing = [
        line for line in (CHECKOUT / "Makefile").read_text().splitlines() if "install" in line and " -r " in line
    ]
    assert len(installing) == 2
    assert all("--require-hashes" in line for line in installing)


def _pins(name: str) -> list[str]:
    lines = (CHECKOUT / name).read_text().splitlines()
    return [line.removesuffix(" \\") for line in lines if not line.startswith(("#", " "))]


def _third_party_imports(module: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line and name of each that runs, and whether it is in a function, or in a `with needs(…)`."""
    waiting: list[tuple[ast.AST, bool]] = [(module, False)]
    while waiting:
        node, is_behind = waiting.pop()
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            root = name.partition(".")[0]
            if root not in sys.stdlib_module_names and root != "acci":
                yield node.lineno, name, is_behind  # type: ignore[attr-defined]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        behind = is_behind or isinstance(node, ast.FunctionDef)
        behind |= isinstance(node, ast.With) and any("needs(" in ast.unparse(each) for each in node.items)
        waiting += [(child, behind) for child in ast.iter_child_nodes(node)]


def _extras_named(file: Path) -> set[str]:
    return set(re.findall(r'(?:needs|require)\("(\w+)"\)', file.read_text()))


def _needs_of_package(folder: Path) -> set[str]:
    initial = folder / "__init__.py"
    if not initial.exists() or not folder.is_relative_to(CHECKOUT):
        return set()
    return {name for extra in _extras_named(initial) for name in EXTRAS[extra][1]}


def _of_base() -> set[str]:
    """The modules that the packages of the base bring, and those that these require."""
    wanted, found = [re.split(r"[^\w.-]", each)[0] for each in PROJECT["dependencies"]], set[str]()
    wanted += ["psycopg-pool"]
    while wanted:
        name = re.sub("[-_.]+", "-", wanted.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            required = requires(name) or []
        except PackageNotFoundError:
            continue
        wanted += [re.split(r"[^\w.-]", each)[0] for each in required if "extra ==" not in each]
    return {
        module
        for module, brought in packages_distributions().items()
        if {re.sub("[-_.]+", "-", each).lower() for each in brought} & found
    }
