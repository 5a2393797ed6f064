"""The login: one request that trades the secrets for a token.

The door of aiohttp's exceptions: what leaves here is LoginRejected or LoginUnavailable, and its cause never holds a
byte that was sent or received.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import aiohttp

from proxy.core.credential import Credential, Verification
from proxy.core.egress import Egress, EgressProxy
from proxy.core.held import Held
from proxy.core.identity import Identity, identity
from proxy.core.recipe import LoginAnswer, LoginRequest, facts, redirected
from proxy.core.token import Token
from proxy.errors import LoginError, LoginUnavailable
from proxy.tokens.clock import Clock, deadline
from proxy.tokens.decoding import ACCEPTED, decoded
from proxy.tokens.secrets import poll, read_secrets

# A session object has a kilobyte or two; whatever has a megabyte is none.
MAX_ANSWER = 1024 * 1024
# Within one host: a trailing slash and an old path, and one to spare.
MAX_REDIRECTS = 3
# A process that ends may be killed any moment; the session ends by itself in any case. In seconds.
LOGOUT_WITHIN = 2.0
PROXY_AUTHENTICATION_REQUIRED = 407
WRONG_LOGIN = "the egress proxy wants a user and a password, or others than it got"

_FIELDS = {"User-Agent": "iam-proxy", "Accept-Encoding": ACCEPTED}

SessionFactory = Callable[[Verification], Awaitable[aiohttp.ClientSession]]


async def login_session(verification: Verification) -> aiohttp.ClientSession:
    """Return a session for one login; the caller closes it.

    Nothing is kept (cookies, connections, names) and nothing taken from the environment (proxies, netrc). It has no
    time limits: the login has one of its own. Raises OSError if `ca_file` cannot be used.
    """
    context: ssl.SSLContext | bool = True  # aiohttp's own, made when it is loaded: the system's authorities, verified
    if verification != Verification():
        context = await asyncio.to_thread(_tls, verification)  # reads the authorities from disk
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, force_close=True, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
    )


class Login:
    """Issues tokens by logging in, each time anew.

    `clock` counts lifetimes and time limits, `wall` reads the date for answers that name one, `jitter` gives numbers
    in [0, 1) that spread the refreshes. Every call ends within the credential's `login_timeout`.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        clock: Clock,
        session: SessionFactory = login_session,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if isinstance(credential.recipe, Held):
            raise TypeError("what is held needs no login")
        self._credential = credential
        self._recipe = credential.recipe
        self._clock = clock
        self._session = session
        self._wall = wall
        self._jitter = jitter

    @property
    def poll(self) -> float | None:
        """How often it is worth looking whether the secrets have changed, in seconds; None: they cannot."""
        return poll(self._recipe.sources)

    async def identify(self, known: Identity | None = None) -> Identity:
        """Return the secrets as they are now, with their key; given a `known` identity, read only what can change.

        Raises LoginUnavailable where a secret cannot be read.
        """
        secrets = await read_secrets(self._recipe.sources, known, self._clock, self._credential.login_timeout)
        return identity(facts(self._recipe, secrets), secrets)

    async def issue(self, identity: Identity, instead_of: Token | None = None) -> Token:
        """Log in and return the token, its lifetime counted from the moment of asking.

        Each login gives another than the one before. Raises LoginRejected if the keys were refused, LoginUnavailable
        if anything else went wrong.
        """
        del instead_of
        request = self._recipe.request(identity.secrets)
        sent_at = self._clock.time()
        answer = await self._ask(request, self._credential.login_timeout)
        grant = self._recipe.read(answer, self._wall())
        took = self._clock.time() - sent_at
        return self._credential.token(grant.text, sent_at, grant.lifetime, self._jitter(), took)

    async def end(self, token: Token, identity: Identity) -> None:
        """Log out, where the credential says how; one try, and what comes of it does not matter."""
        logout = self._credential.logout
        if logout is not None:
            with suppress(LoginError):
                await self._ask(logout.request(token.value, identity.secrets), LOGOUT_WITHIN)

    async def _ask(self, request: LoginRequest, limit: float) -> LoginAnswer:
        """Return the answer to a request. The error is raised anew, without a trace of the foreign one's text."""
        egress = self._credential.egress
        try:
            async with deadline(self._clock, limit), await self._session(self._credential.verification) as session:
                return await _followed(session, request, egress)
        except TimeoutError:
            cause = f"no complete answer within {limit:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = _cause(error)
        proxy = egress.proxy_for(request.url)
        raise LoginUnavailable(cause=cause if proxy is None else f"{cause} (by way of {proxy})")


async def _followed(session: aiohttp.ClientSession, request: LoginRequest, egress: Egress) -> LoginAnswer:
    """Return the answer at the end of the redirects; one that is not followed is the answer."""
    answer = await _sent(session, request, egress.proxy_for(request.url))
    for _ in range(MAX_REDIRECTS):
        url = redirected(request.url, answer.status, answer.value("Location"))
        if url is None:
            break
        request = replace(request, url=url)
        answer = await _sent(session, request, egress.proxy_for(request.url))
    return answer


async def _sent(session: aiohttp.ClientSession, request: LoginRequest, proxy: EgressProxy | None) -> LoginAnswer:
    to_proxy = {} if proxy is None or proxy.authorization is None else {"Proxy-Authorization": proxy.authorization}
    plain = request.url.startswith("http:")  # then the proxy reads the request itself, in absolute form
    async with session.request(
        request.method,
        request.url,
        headers=_fields(request) | (to_proxy if plain else {}),
        data=request.body or None,  # else aiohttp would give the type of nothing
        allow_redirects=False,
        proxy=None if proxy is None else str(proxy),
        proxy_headers=None if plain else to_proxy,
    ) as response:
        if proxy is not None and response.status == PROXY_AUTHENTICATION_REQUIRED:  # of a login on plain http
            raise LoginUnavailable(cause=WRONG_LOGIN)
        body = decoded(await _bounded(response.content), response.headers.get("Content-Encoding", ""), MAX_ANSWER)
        return LoginAnswer(response.status, tuple(response.headers.items()), body)


def _fields(request: LoginRequest) -> dict[str, str]:
    """Return the fields of a request, ours where it has none of that name."""
    given = {name.lower() for name, _ in request.headers}
    return {name: value for name, value in _FIELDS.items() if name.lower() not in given} | dict(request.headers)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise LoginUnavailable(cause=f"the login's answer is larger than {MAX_ANSWER} bytes")
    return bytes(body)


def _cause(error: Exception) -> str:
    """Describe a foreign exception by its kind and the system's own words; its text may quote what was received."""
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as flaw):
            cause = f"the login's certificate does not verify: {flaw.verify_message}"
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            cause = _cause_at_proxy(error)
        case aiohttp.ClientConnectorDNSError(host=host):
            cause = f"the host name {host} has no address"
        case aiohttp.ClientConnectorError(os_error=inner):
            cause = f"no connection to the login: {_cause(inner)}"
        case aiohttp.ServerDisconnectedError():
            cause = "the login closed the connection without an answer"
        case ssl.SSLError(reason=str() as reason):
            cause = f"TLS failed: {reason}"
        case OSError(strerror=str() as words, filename=path):
            cause = f"{path}: {words}" if path else words
        case _:
            cause = f"the login failed: {type(error).__name__}"
    return cause


def _cause_at_proxy(error: aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError) -> str:
    match error:
        case aiohttp.ClientHttpProxyError(status=407 | 401):  # as in proxy.wire.through
            return WRONG_LOGIN
        case aiohttp.ClientHttpProxyError(status=status):
            return f"the egress proxy refused a way to the login with status {status}"
        case aiohttp.ClientProxyConnectionError(os_error=inner):
            return f"no connection to the egress proxy: {_cause(inner)}"


def _tls(verification: Verification) -> ssl.SSLContext:
    """Return the context for a verification, made anew when its file has changed. Raises OSError."""
    changed = 0 if verification.ca_file is None else Path(verification.ca_file).stat().st_mtime_ns
    return _context(verification, changed)


@lru_cache(maxsize=64)  # a context holds all the system's authorities: half a megabyte, and 20 ms of work
def _context(verification: Verification, _changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if verification.ca_file is not None:
        try:
            context.load_verify_locations(verification.ca_file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, verification.ca_file) from None  # OpenSSL does not name it
    if not verification.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
