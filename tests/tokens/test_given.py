"""What the operator gave is the token: read when it is asked for, without an end, never a login."""

import math
from dataclasses import dataclass, field

import pytest

from proxy.core.credential import Credential
from proxy.core.held import Held
from proxy.core.secret import Secret
from proxy.errors import LoginUnavailable, SecretUnavailable
from proxy.tokens.given import Given as GivenTokens
from proxy.tokens.issuers import issuer_of
from proxy.tokens.login import Login
from tests.core.secrets import Given, credential
from tests.tokens.clock import FakeClock


@dataclass
class Changing:
    """A secret in a file that a test writes; None: the file is gone."""

    text: str | None
    poll: float | None = 5.0
    reads: list[None] = field(default_factory=list)

    def read(self) -> Secret:
        """Return the secret as it is now."""
        self.reads.append(None)
        if self.text is None:
            raise SecretUnavailable("/run/secrets/token: No such file or directory")
        return Secret(self.text)


async def test_a_static_token_is_read_and_has_no_end() -> None:
    """Issued at once, on the clock that was handed in."""
    by = issuer_of(Credential("c", Held(Given("t0ken"))), FakeClock(now=7.0))
    token = await by.issue(await by.identify())
    assert (token.value, token.issued_at, token.stale_at, token.expires_at) == ("t0ken", 7.0, math.inf, math.inf)
    assert by.poll is None


async def test_a_changed_file_is_another_identity() -> None:
    """And its text the next token."""
    file = Changing("first")
    by = GivenTokens(Held(file), clock=FakeClock())
    before = await by.identify()
    file.text = "second"
    after = await by.identify(before)
    assert by.poll == 5.0
    assert before.key != after.key
    assert (await by.issue(after)).value == "second"


async def test_name_and_password_are_one_token() -> None:
    """As Basic sends them, in UTF-8 (RFC 7617 §2.1)."""
    by = GivenTokens(Held(Given("pässword"), Given("me")), clock=FakeClock())
    assert (await by.issue(await by.identify())).value == "bWU6cMOkc3N3b3Jk"


async def test_bytes_that_are_no_utf8_are_sent_as_they_are() -> None:
    """A variable of the environment may hold them."""
    by = GivenTokens(Held(Given("\udcff"), Given("u")), clock=FakeClock())
    assert (await by.issue(await by.identify())).value == "dTr/"


@pytest.mark.parametrize("text", ["two words", "é", "\udcff"])
async def test_a_secret_that_no_field_can_carry(text: str) -> None:
    """It is said, without the secret."""
    by = GivenTokens(Held(Given(text)), clock=FakeClock())
    with pytest.raises(LoginUnavailable) as caught:
        await by.issue(await by.identify())
    assert caught.value.cause == "the secret has characters that a field cannot carry"


async def test_a_file_that_is_gone() -> None:
    """The cause names the place."""
    by = GivenTokens(Held(Changing(None)), clock=FakeClock())
    with pytest.raises(LoginUnavailable) as caught:
        await by.identify()
    assert caught.value.cause == "/run/secrets/token: No such file or directory"


def test_whatever_logs_in_is_a_login() -> None:
    """The other kinds."""
    assert isinstance(issuer_of(credential(), FakeClock()), Login)
