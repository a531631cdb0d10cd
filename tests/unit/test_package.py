"""The package `acci`: complete, and quick to import."""

import subprocess
import sys
import tomllib
from pathlib import Path

import acci

CHECKOUT = Path(__file__).parents[2]


def test_every_package_and_data_file_is_in_the_list() -> None:
    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {file.parent for top in ("domain", "store", "flows") for file in (CHECKOUT / top).rglob("*.py")}
    assert listed["packages"] == [
        "acci",
        *sorted("acci." + ".".join(each.relative_to(CHECKOUT).parts) for each in folders),
    ]
    for folder in folders:
        assert (folder / "__init__.py").exists(), folder
    data = {file for pattern in listed["package-data"]["acci"] for file in CHECKOUT.glob(pattern)}
    others = {
        file for top in ("sql", "flows", "store", "domain") for file in (CHECKOUT / top).rglob("*.*") if file.is_file()
    }
    assert {file for file in others if file.suffix not in (".py", ".pyc")} - data == set()


def test_each_name_is_what_type_checkers_are_shown() -> None:
    shown = (CHECKOUT / "__init__.py").read_text().partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    for name in acci.__all__:
        assert getattr(acci, name) is not None
        assert name == "__version__" or name in shown.replace(",", " ").split(), name
    assert set(acci.__all__) == set(dir(acci))


def test_importing_it_imports_nothing() -> None:
    program = "import sys, acci; print([name for name in sys.modules if name.startswith(('acci.', 'pydantic'))])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
