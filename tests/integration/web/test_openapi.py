"""The API as its own OpenAPI says: every answer fits it, to valid and to invalid requests."""

import os
from itertools import count
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig

from acci import AsyncApplication
from acci.flows.web.serving import web_application
from tests.integration.application.conftest import USERS, publish

EXAMPLES = int(os.environ.get("ACCI_TEST_EXAMPLES", "5"))  # of each operation, valid and invalid
TOKEN = {"Authorization": "Bearer one-of-the-test"}
NUMBERS = count()
PLAIN = ("/livez", "/readyz", "/metrics")  # nothing can be wrong with a request for them
# What a schema cannot say: the version of an aggregate, no NUL in text, and what is blank beyond ASCII.
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-x00": False, "codec": "ascii"},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "409", "412"]}},
    }
)


def test_every_operation_answers_as_it_says(database_url: str) -> None:
    asynchronous = AsyncApplication(database_url, USERS)
    web = web_application(asynchronous, "one-of-the-test", ["testserver"], longest_wait=0.01)
    with asynchronous.application as app:
        publish(app)
        schema = schemathesis.openapi.from_asgi("/openapi.json", web, config=CONFIG, headers=TOKEN)
        found: Any = schema.get_all_operations()
        operations = [each.ok() for each in found]
        assert len(operations) == 11
        for operation in operations:
            for mode in schemathesis.GenerationMode:
                if operation.path not in PLAIN or mode is schemathesis.GenerationMode.POSITIVE:
                    _try(operation, mode)


def _try(operation: Any, mode: Any) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    def holds(case: Any) -> None:
        if mode is schemathesis.GenerationMode.POSITIVE and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(next(NUMBERS))  # one that was not used before
        if "min-position" in (case.query or {}) and str(case.query["min-position"]).isdecimal():
            case.query["min-position"] = 0  # another one is not reached, and answered with 503
        case.call_and_validate(headers=TOKEN)

    holds()
