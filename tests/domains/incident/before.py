"""The code that is in operation when somebody begins to store notes of a newer kind."""

from pathlib import Path

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import Projection, Upsert, count, on


class NoteWritten(EventData):
    text: str


class Notes(Projection):
    """Every note as it is now."""

    key = ("tenant_id", "id")

    @on(NoteWritten)
    def written(self, event: Event[NoteWritten]) -> Upsert:
        return Upsert(text=event.data.text, times=count())


CONTEXT = Context(name="notes", sql=Path(__file__).parent / "sql", events=(NoteWritten,), projections=(Notes,))
