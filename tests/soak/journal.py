"""A client's commands and the answers to them: each on disk before it is sent, and when it is answered."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from acci.domain.commands import CommandData
from tests.domains.people import RegisterPerson, RenamePerson, TakeNote

KINDS: dict[str, type[CommandData]] = {kind.__name__: kind for kind in (RegisterPerson, RenamePerson, TakeNote)}


@dataclass(frozen=True)
class Entry:
    """A command; `acknowledged` is how many events its answer had, None without an answer."""

    id: UUID
    tenant: str
    data: CommandData
    acknowledged: int | None


class Journal:
    """One client's."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8")

    def sends(self, command_id: UUID, tenant: str, data: CommandData) -> None:
        self._write({"id": str(command_id), "tenant": tenant, "kind": type(data).__name__, "data": data.model_dump()})

    def heard(self, command_id: UUID, events: int) -> None:
        self._write({"id": str(command_id), "acknowledged": events})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def entries(folder: Path) -> Iterator[Entry]:
    """Every command of every client, in the order of each. A line that a kill cut off was never sent."""
    for file in sorted(folder.glob("journal-*")):
        sent: dict[str, dict[str, Any]] = {}
        for line in file.read_text(encoding="utf-8").split("\n"):
            try:
                said = json.loads(line)
            except ValueError:
                continue
            sent[said["id"]] = sent.get(said["id"], {}) | said
        for said in sent.values():
            data = KINDS[said["kind"]].model_validate(said["data"])
            yield Entry(UUID(said["id"]), said["tenant"], data, said.get("acknowledged"))
