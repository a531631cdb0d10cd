"""What a check of the database knows besides its connection."""

from dataclasses import dataclass

from acci.store.registry import Catalogue
from acci.store.settings import Settings


@dataclass(frozen=True)
class Situation:
    """`url` is the address for flows and long work; `login` the user there, as SQL writes it.

    `catalogue` is None if the contexts cannot be loaded.
    """

    settings: Settings
    url: str
    login: str
    catalogue: Catalogue | None

    @property
    def is_embedded(self) -> bool:
        """Whether the server is the project's own, which ACCI made and starts."""
        return self.settings.database_url is None
