"""When two configurations mean the same login."""

from dataclasses import replace

import pytest

from proxy.core.answers import InJson
from proxy.core.apikey import ApikeyRecipe
from proxy.core.credential import Credential, Reject, Verification
from proxy.core.held import Held
from proxy.core.login_recipe import Format, LoginRecipe
from tests.core.secrets import Given, credential

LOGIN = "https://iam.example/iam/login"
MAIN = credential()
RECIPE = LoginRecipe(LOGIN, InJson(("token",)), format=Format.JSON, body={"user": "me", "password": Given("one")})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (MAIN, credential(apikey=Given("other"), secretkey=Given("another", poll=5.0)), True),
        (MAIN, replace(MAIN, name="x", ttl=1.0, sliding=True, max_age=1.0, login_timeout=1.0), True),
        (MAIN, replace(MAIN, verification=Verification("ca.pem"), reject=(Reject(403),)), True),
        (MAIN, credential("https://other.example/iam/login"), False),
        (MAIN, credential(app_id="x"), False),
        (MAIN, replace(MAIN, recipe=Held(Given("token"))), False),
        (replace(MAIN, recipe=Held(Given("one"))), replace(MAIN, recipe=Held(Given("other"))), True),
        (replace(MAIN, recipe=Held(Given("one"))), replace(MAIN, recipe=Held(Given("one"), Given("me"))), False),
        (RECIPE, replace(RECIPE, body={"user": "me", "password": Given("two")}), True),
        (RECIPE, replace(RECIPE, body={"user": "you", "password": Given("one")}), False),
        (RECIPE, replace(RECIPE, body={"user": Given("me"), "password": Given("one")}), False),
        (RECIPE, replace(RECIPE, token=InJson(("other",))), False),
        (RECIPE, replace(RECIPE, method="PUT"), False),
        (RECIPE, ApikeyRecipe(LOGIN, Given("one"), Given("two")), False),
    ],
)
def test_question(one: Credential | LoginRecipe, other: Credential | LoginRecipe | ApikeyRecipe, same: bool) -> None:
    """It is what is asked at the login, and what is taken from the answer; secrets and all else do not matter."""
    first, second = (each if isinstance(each, Credential) else replace(MAIN, recipe=each) for each in (one, other))
    assert (first.question == second.question) is same
