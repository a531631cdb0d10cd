"""The templates: files of this package, in which `{{name}}` stands for the value of that name.

In a path, the folder `package` stands for the package's, `name` for the value of `name`, `dot-` for a dot.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "templates"
SUFFIX = ".template"
NAMED = re.compile(r"\{\{(\w+)\}\}")


def rendered(template: str, package: Path, values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Each file of the template: its path in the project, and its content. `package`: its package's folder there.

    `KeyError` for a value that is missing.
    """
    root = FOLDER / template
    for file in sorted(root.rglob(f"*{SUFFIX}")):
        path = file.relative_to(root)
        name = path.name.removesuffix(SUFFIX)
        if "name" in values:
            name = re.sub(r"^(test_)?name\.", rf"\g<1>{values['name']}.", name)
        parts = [str(package) if part == "package" else _visible(part) for part in path.parts[:-1]]
        content = NAMED.sub(lambda found: values[found[1]], file.read_text(encoding="utf-8"))
        yield Path(*parts, _visible(name)), content


def _visible(part: str) -> str:
    """A hidden file's name; in the package it is visible, or tools would pass over it."""
    return re.sub(r"^dot-", ".", part)
