"""Every operation of the OpenAPI document, asked with what fits and with what does not: no 500, no unnamed status."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.hub.conftest import Keys, bearer

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CASES = 10


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "does not fit"])
@pytest.mark.usefixtures("records")
def test_every_operation_answers_as_the_document_says(
    hub: FastAPI, address: str, keys: Keys, mode: GenerationMode
) -> None:
    faults = []
    for found in schemathesis.openapi.from_dict(hub.openapi()).get_all_operations():
        operation: Any = found.ok()

        def ask(case: Any) -> None:
            names = case.path_parameters or {}
            if "tenant" in names:
                names["tenant"] = keys.tenant
            # The platform's own token stays, and nobody becomes its administrator.
            token = keys.platform if case.method == "GET" or "tenant" in names else keys.admin
            case.call_and_validate(base_url=address, headers=bearer(token), checks=CHECKS)

        quiet = settings(
            max_examples=CASES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        try:
            quiet(given(case=operation.as_strategy(generation_mode=mode))(ask))()
        except Unsatisfiable:  # nothing of this operation can be wrong
            continue
        except FailureGroup as error:
            faults.append(f"{operation.method} {operation.path}: {error} {error.exceptions}")
    assert not faults, "\n\n".join(faults)
