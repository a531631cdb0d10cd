"""The contract's file: `acci.contract.json` in the project's folder, in a stable order, one thing a line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from acci.domain.errors import AcciError
from acci.store.contract.document import Contract
from acci.store.values.pydantic_errors import problems_of

NAME = "acci.contract.json"
WIDTH = 110


class NoContract(AcciError):
    """There is no contract to compare with."""

    file: str

    sentence = "There is no contract at {file}. Run `acci contract`, and commit the file that it writes."


class UnusableContract(AcciError):
    """The file is no contract that this ACCI can read; `problem` says why."""

    file: str
    problem: str

    sentence = "{file} is no contract that can be read: {problem}. Take it from your version control, or delete it."


def read(file: Path) -> Contract:
    """Raises `NoContract`, `UnusableContract`."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoContract(str(file)) from None
    except (ValueError, RecursionError) as error:
        raise UnusableContract(str(file), f"it is not JSON ({error})") from None
    except OSError as error:
        raise UnusableContract(str(file), error.strerror or str(error)) from None
    try:
        return Contract.model_validate(found)
    except ValidationError as error:
        where, why = problems_of(error)[0]
        raise UnusableContract(str(file), f"{where or 'as a whole'}: {why}") from None


def text_of(contract: Contract) -> str:
    """The file's text: the same for the same contract, on every machine."""
    return _text(contract.model_dump(mode="json"), 0) + "\n"


def _text(value: Any, depth: int) -> str:
    """JSON with what fits on one line, but each named thing of the contract on lines of its own."""
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or (depth >= 3 and len(line) + 2 * depth <= WIDTH):
        return line
    inner, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"{inner}{_text(each, depth + 1)}" for each in value) + f"\n{end}]"
    named = (f"{inner}{json.dumps(name, ensure_ascii=False)}: {_text(each, depth + 1)}" for name, each in value.items())
    return "{\n" + ",\n".join(named) + f"\n{end}}}"
