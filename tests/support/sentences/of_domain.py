"""Errors of the domain, with their sentences."""

from acci.domain.errors import (
    AcciError,
    CannotApply,
    ConcurrencyError,
    DefinitionError,
    InvalidCommand,
    NotAList,
    ProjectionError,
    Refused,
    UnknownName,
    UnknownNumber,
)
from acci.domain.expressions.symbols import CannotCompile

SENTENCES: list[tuple[AcciError, str]] = [
    (
        DefinitionError("Event X", "it has no name."),
        "Event X: it has no name.",
    ),
    (
        ProjectionError("View.rule", "no."),
        "View.rule: no.",
    ),
    (
        CannotCompile("event.data.name.upper()", "say it with the functions of acci.domain.projections."),
        "event.data.name.upper(): say it with the functions of acci.domain.projections.",
    ),
    (
        NotAList("event_types", "Moved"),
        "event_types is a list of names, and 'Moved' is a text. Give ('Moved',).",
    ),
    (
        UnknownName("command", "Crate", ("Create", "Bin")),
        "There is no command named 'Crate'. Known: Bin, Create.",
    ),
    (
        UnknownName("query", "q", ()),
        "There is no query named 'q'. Is its domain named in ACCI_CONTEXTS?",
    ),
    (
        UnknownNumber("dead letter", 7, (9, 8)),
        "There is no dead letter 7. Known: 8, 9.",
    ),
    (
        UnknownNumber("generation", 7, ()),
        "There is no generation 7.",
    ),
    (
        InvalidCommand("Create", (("name", "is empty"), ("address.city", "field required"))),
        "Create is not valid: name: is empty; address.city: field required. Correct it and send it again.",
    ),
    (
        Refused("it is there.").of("Create", "u1"),
        "Create was refused for 'u1': it is there.",
    ),
    (
        Refused("it is there."),
        "it is there.",
    ),
    (
        ConcurrencyError("u1", 2, 3),
        "'u1' is at version 3, not at the expected 2. Load it again and decide again.",
    ),
    (
        ConcurrencyError("u1", 2, 2),
        "'u1' is at version 2, but not as it was decided on. Load it again and decide again.",
    ),
    (
        CannotApply("user_view", 7, "UserCreated", "its payload has no name"),
        (
            "user_view cannot apply the UserCreated at position 7: its payload has no name. Correct the rule, "
            "or bring the payload to today's shape with an upcaster."
        ),
    ),
]
