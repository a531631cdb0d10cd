"""The same with the fix: notes of the newer kind can be read, and the older ones as well."""

from pathlib import Path

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import Projection, Upsert, count, on
from acci.domain.upcasting import Upcaster


class NoteWritten(EventData):
    schema_version = 2
    upcasters = (Upcaster(1, rename={"text": "body"}),)

    body: str


class Notes(Projection):
    """Every note as it is now."""

    key = ("tenant_id", "id")

    @on(NoteWritten)
    def written(self, event: Event[NoteWritten]) -> Upsert:
        return Upsert(text=event.data.body, times=count())


CONTEXT = Context(name="notes", sql=Path(__file__).parent / "sql", events=(NoteWritten,), projections=(Notes,))
