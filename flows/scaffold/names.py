"""Which names a project, an aggregate, a read model or a reaction may have."""

import keyword
import re
import sys
from importlib.metadata import packages_distributions

import acci
from acci.domain.errors import AcciError
from acci.store.settings import CHECKOUT

WORDS = re.compile(r"[a-z][a-z0-9]+(_[a-z][a-z0-9]+)*")  # such that a class's name leads back to them
# Letters: so that no line of what is made is too long, also where commands and events are named after an aggregate.
LONGEST, LONGEST_AGGREGATE = 30, 26
OF_THE_PROJECT = frozenset({"acci", "build", "dist", "operations", "tests", "vendor"})
# Words of SQL that no table can be named with; a test compares them with PostgreSQL's.
OF_SQL = frozenset(
    (  # noqa: SIM905 one to a line they would be a page
        "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate"
        " collation column concurrently constraint create cross current_catalog current_date current_role"
        " current_schema current_time current_timestamp current_user default deferrable desc distinct do else end"
        " except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into is"
        " isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only"
        " or order outer overlaps placing primary references returning right select session_user similar some"
        " symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when"
        " where window with"
    ).split()
)
CONSTRAINTS = CHECKOUT / "constraints.txt"


class UnusableName(AcciError):
    """A name that what is made cannot have; `problem` says why."""

    name: str
    problem: str

    sentence = "The name {name!r} cannot be used: {problem}. Choose another one."


def package_name(name: str) -> str:
    """The name of a project's package, which would hide any other module of that name. Raises `UnusableName`."""
    found = _identifier(name, LONGEST)
    if found in OF_THE_PROJECT:
        raise UnusableName(name, "a project has something else of that name")
    if found in sys.stdlib_module_names:
        raise UnusableName(name, "Python has a module of that name")
    if found in packages_distributions() or found in _constrained():
        raise UnusableName(name, "a package that is or may be installed has that name")
    return found


def aggregate_name(name: str) -> tuple[str, str]:
    """The name of an aggregate's module, and that of its class. Raises `UnusableName`."""
    return _thing(name, LONGEST_AGGREGATE)


def read_model_name(name: str) -> tuple[str, str]:
    """The name of a read model, its module and its table, and that of its class. Raises `UnusableName`."""
    found = _thing(name, LONGEST)
    if found[0] in OF_SQL:
        raise UnusableName(name, "SQL has a word of that name, so no table can have it")
    return found


def reaction_name(name: str) -> tuple[str, str]:
    """The name of a reaction and its module, and that of its class. Raises `UnusableName`."""
    return _thing(name, LONGEST)


def _thing(name: str, longest: int) -> tuple[str, str]:
    found = _identifier(name, longest)
    kind = "".join(part.capitalize() for part in found.split("_"))
    if kind in acci.__all__:
        raise UnusableName(name, f"ACCI has a {kind} of its own")
    return found, kind


def _identifier(name: str, longest: int) -> str:
    """The name as Python writes it, hyphens as underscores."""
    found = name.replace("-", "_")
    if not WORDS.fullmatch(found):
        raise UnusableName(name, "its words, with hyphens between them, have two or more of a-z or 0-9, a letter first")
    if len(found) > longest:
        raise UnusableName(name, f"it has more than {longest} letters")
    if keyword.iskeyword(found):
        raise UnusableName(name, "it is a word of Python")
    return found


def _constrained() -> set[str]:
    """The packages that ACCI may bring, by the names that their modules most often have."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return {re.split("[=<>; ]", line)[0].lower().replace("-", "_") for line in lines if line[:1].isalnum()}
