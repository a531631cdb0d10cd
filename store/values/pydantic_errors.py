"""What pydantic found wrong, as pairs of field and reason that a sentence can be made of."""

from pydantic import ValidationError

from acci.domain.errors import legible


def problems_of(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """(dotted path of the field, what is wrong with it) for each problem; the values themselves are left out."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return tuple((legible(".".join(map(str, problem["loc"]))), lowered(legible(problem["msg"]))) for problem in found)


def lowered(message: str) -> str:
    """A library's message as what follows a colon."""
    return message[:1].lower() + message[1:]
