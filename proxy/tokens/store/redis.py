"""The store in a Redis: the door of its client's exceptions, and the one place that knows its URL."""

import asyncio
import contextlib
import os
import re
import secrets
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from proxy.core.store import StoreServer
from proxy.errors import StoreDamaged, StoreError
from proxy.tokens.store import Kept

PREFIX = "iam-proxy:"
# A lock lives so long and is renewed so often while its holder logs in: others wait 3 s for one who was killed, and
# a holder may miss two renewals. In seconds.
LOCK_LIFE, RENEWAL = 3.0, 1.0
# For each answer, and the connection before it: less than whoever asks has, so that it is told which store is silent.
PATIENCE = 1.5

# A lock is a key that holds its holder's random value: what only the holder may do asks for that value first. Each
# script may be sent twice, for the client sends anew what went over a connection that turns out dead.
READ = "return {redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])}"
LOCK = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('get', KEYS[1]) == ARGV[1] then return 1 end
if redis.call('pttl', KEYS[1]) == -1 then return -1 end
return 0"""
RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
PUT = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1"""
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
FOREIGN = -1

# What the client's exceptions mean, the special before the general. Their text may quote what was sent, and the URL.
MEANING: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "refuses the user or the password"),
    (exceptions.NoPermissionError, "does not let this user do what is needed"),
    (exceptions.OutOfMemoryError, "has no memory left"),
    (exceptions.ReadOnlyError, "is a replica and takes no writes"),
    (exceptions.BusyLoadingError, "is still loading"),
    (exceptions.ResponseError, "answers with an error"),
    (TimeoutError, f"has not answered within {PATIENCE:g} s"),
)
# How the client words a connection that could not be made; the exception itself is not always passed on.
_NUMBER = re.compile(r"Error (\d+) connecting to ")


class RedisStore:
    """Keeps entries in a Redis, which counts what is left of each: no clock but its own matters."""

    def __init__(self, place: StoreServer) -> None:
        self._where = str(place)
        # RESP2, so that nothing is asked of a server that only newer ones know. One more try: a kept connection that
        # turns out dead is no failure. No time limits of the client's: with one it sends by way of asyncio.wait_for,
        # which loses a cancellation in Python 3.11.
        self._client: Redis = Redis.from_url(
            place.url.reveal(),
            socket_timeout=None,
            socket_connect_timeout=None,
            protocol=2,
            retry=Retry(NoBackoff(), 1),
        )

    def __repr__(self) -> str:
        return f"RedisStore({self._where})"

    async def read(self, name: str) -> Kept | None:
        """Return what lies under a name, with what is left of it."""
        sealed, left = await self.run(READ, (PREFIX + name,))
        if sealed is None:
            return None
        if left < 0:
            raise StoreDamaged(f"{self._where} holds what we did not put there: a key without an end")
        return Kept(sealed, left / 1000)

    async def lock(self, name: str, within: float) -> "RedisLock | None":
        """Return the lock of a name, None while another has it."""
        key, fence = f"{PREFIX}{name}:lock", secrets.token_hex(16)
        taken = await self.run(LOCK, (key,), fence, _milliseconds(LOCK_LIFE))
        if taken == FOREIGN:
            raise StoreError(f"{self._where} holds a lock that is not ours: a key without an end")
        return RedisLock(self, key, fence, within) if taken else None

    async def close(self) -> None:
        """Close the connections."""
        with contextlib.suppress(exceptions.RedisError, OSError, RuntimeError):
            await self._client.aclose()

    async def run(self, script: str, keys: tuple[str, ...], *values: str | bytes | int) -> Any:  # noqa: ANN401  what the script returns
        """Return what a script returns. Raises StoreError."""
        with self._door():
            async with asyncio.timeout(PATIENCE):
                return await self._client.eval(script, len(keys), *keys, *values)

    @contextlib.contextmanager
    def _door(self) -> Iterator[None]:
        """Turn the client's exceptions into ours, without their text."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  a RuntimeError of uvloop's among others: whatever it is, a login is made
            if "WRONGTYPE" in str(error):  # at the beginning, or with Redis 6 inside what it says of the script
                raise StoreDamaged(f"{self._where} holds what we did not put there: a key of another kind") from None
            words = next((words for kind, words in MEANING if isinstance(error, kind)), None) or (
                f"cannot be reached: {_reason(error)}"
            )
        else:
            return
        raise StoreError(f"{self._where} {words}")


class RedisLock:
    """The lock of a name, held and renewed for as long as a login may take."""

    def __init__(self, store: RedisStore, key: str, fence: str, within: float) -> None:
        self._store = store
        self._key = key
        self._fence = fence
        self._renewing = asyncio.create_task(self._renew(within))

    async def put(self, name: str, sealed: bytes, life: float) -> None:
        """Keep bytes under a name for `life` seconds, if the lock is still ours."""
        await self._store.run(PUT, (self._key, PREFIX + name), self._fence, sealed, _milliseconds(life))

    async def release(self) -> None:
        """Give the lock back, if it is still ours."""
        self._renewing.cancel()
        await asyncio.wait([self._renewing])
        await self._store.run(RELEASE, (self._key,), self._fence)

    async def _renew(self, within: float) -> None:
        """Renew the lock until it is given back, is another's, or has been held for too long."""
        for _ in range(int(within / RENEWAL)):
            await asyncio.sleep(RENEWAL)
            with contextlib.suppress(StoreError):  # the login goes on; whether its token may be kept shows then
                if not await self._store.run(RENEW, (self._key,), self._fence, _milliseconds(LOCK_LIFE)):
                    return


def _milliseconds(seconds: float) -> int:
    """Return a time as Redis takes it: whole milliseconds, at least one."""
    return max(int(seconds * 1000), 1)


def _reason(error: Exception) -> str:
    """Return the system's own words for why there is no connection, from wherever the client has put them."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, OSError):
        inner = inner.__cause__ or inner.__context__
    match inner:
        case ssl.SSLCertVerificationError(verify_message=words):
            return f"its certificate does not verify: {words}"
        case ssl.SSLError(reason=str() as words):
            return f"TLS failed: {words}"
        case socket.gaierror():
            return "its host name has no address"
        case OSError(errno=int() as number):
            return os.strerror(number)
    if told := _NUMBER.match(str(error)):
        return os.strerror(int(told[1]))
    return "the connection was closed" if isinstance(error, exceptions.ConnectionError) else type(error).__name__
