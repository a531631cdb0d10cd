"""An example of every error, and the sentence that a person reads: what happened, to what, what to do next."""

from acci.domain.errors import AcciError
from tests.support.sentences import (
    of_applications,
    of_contracts,
    of_domain,
    of_reactions,
    of_reading,
    of_running,
    of_writing,
)

SENTENCES: list[tuple[AcciError, str]] = [
    *of_applications.SENTENCES,
    *of_contracts.SENTENCES,
    *of_domain.SENTENCES,
    *of_writing.SENTENCES,
    *of_reactions.SENTENCES,
    *of_reading.SENTENCES,
    *of_running.SENTENCES,
]
