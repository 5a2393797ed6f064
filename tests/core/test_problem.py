"""The gateway's own answers."""

import json

import pytest

from proxy import errors
from proxy.core.problem import problem
from proxy.errors import GatewayError, MethodNotAllowed

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cause_is_for_the_log_alone(kind: type[GatewayError]) -> None:
    """It may say where a file lies, or which address did not answer: whoever called learns the kind of fault."""
    error = MethodNotAllowed("GET") if kind is MethodNotAllowed else kind()
    error.cause = "/run/secrets/secretkey: Permission denied"
    head, body = problem(error, "id-1")
    assert b"/run/secrets" not in head + body
    assert json.loads(body)["code"] == kind.code
