"""The way of a request, over real sockets on both sides."""

import asyncio
import hashlib
import ipaddress
from dataclasses import replace

import pytest

from proxy.core.access import Access
from proxy.core.limits import Limits
from proxy.core.route import Route
from proxy.errors import LoginRejected, LoginUnavailable
from proxy.wire.client import ClientConnection
from tests.fakes.gateway import gateway_to, upstream
from tests.fakes.origin import OK, UNAUTHORIZED, Script, Visit, raw_origin
from tests.fakes.tokens import FakeSource

# Everything here holds on both loops.
pytestmark = pytest.mark.usefixtures("loop_factory")


def answers(*replies: bytes) -> Script:
    """Return a script that gives each connection these answers in turn, then closes."""

    async def script(visit: Visit) -> None:
        for reply in replies:
            await visit.request()
            await visit.send(reply)

    return script


def refuses(*dead: bytes, reply: bytes = UNAUTHORIZED) -> Script:
    """Return a script that refuses these tokens and accepts every other."""

    async def script(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            token = arrived.values(b"authorization")[0].removeprefix(b"Bearer ")
            await visit.send(reply if token in dead else OK)

    return script


# --- what reaches the origin


async def test_the_credential_is_put_on_a_request() -> None:
    """A request without a credential reaches the origin with one, everything else as documented."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get("/qb/query?x=1", "Accept: */*", "X-Request-Id: id-1")
    assert (answer.status, answer.body) == (200, b"ok")
    assert (
        origin.arrived[0].head
        == (
            b"GET /qb/query?x=1 HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\n"
            b"Accept: */*\r\n"
            b"Authorization: Bearer token-1\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\n"
            b"X-Forwarded-Proto: http\r\n"
            b"X-Forwarded-Host: gateway\r\n"
            b"X-Request-Id: id-1\r\n"
            b"Via: 1.1 iam-proxy-test\r\n"
            b"\r\n"
        )
        % origin.port
    )


@pytest.mark.parametrize(
    "target",
    [
        "/a%2fb",
        "/a b".replace(" ", "%20"),
        "/?filters[applications]=true",
        "//x",
        "/a/../b",
        "/%ff%00",
        "/a;b=c?d#".rstrip("#"),
        "/é".encode("ascii", "ignore").decode() or "/",
    ],
)
async def test_targets_arrive_byte_for_byte(target: str) -> None:
    """No byte of a target is re-quoted, decoded, or resolved on the way."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get(target)
    assert origin.arrived[0].line == f"GET {target} HTTP/1.1".encode()


async def test_fields_keep_their_order_their_duplicates_and_their_bytes() -> None:
    """Fields cross in order, also several of one name, also bytes that are no UTF-8."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\nX-b: 1\r\nx-A: \xff\xe9\r\nX-B: 2\r\nCookie: a=1\r\n\r\n")
        await client.answer()
    assert origin.arrived[0].fields[1:5] == [(b"X-b", b"1"), (b"x-A", b"\xff\xe9"), (b"X-B", b"2"), (b"Cookie", b"a=1")]


@pytest.mark.parametrize("connection", ["authorization", "Authorization, close", "x-secret, AUTHORIZATION", "te"])
async def test_a_client_cannot_remove_the_credential(connection: str) -> None:
    """Fields that `Connection` nominates go, the credential comes after that."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get(
            "/", f"Connection: {connection}", "X-Secret: 1", "TE: trailers", "Keep-Alive: 5", "Upgrade: h2c"
        )
    arrived = origin.arrived[0]
    assert arrived.values(b"authorization") == [b"Bearer token-1"]
    assert (arrived.values(b"connection"), arrived.values(b"te")) == ([b"TE"], [b"trailers"])  # ours
    assert not any(arrived.values(name) for name in (b"keep-alive", b"upgrade"))
    assert arrived.values(b"x-secret") == ([] if "x-secret" in connection else [b"1"])


@pytest.mark.parametrize(
    "line", ["Authorization: Basic eDp5", "AUTHORIZATION: Bearer mine", "authorization:\tBearer mine"]
)
async def test_a_client_cannot_put_its_own_credential_beside_ours(line: str) -> None:
    """The credential replaces the client's own, whatever its spelling."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get("/", line)
    assert origin.arrived[0].values(b"authorization") == [b"Bearer token-1"]


async def test_forwarded_fields_of_a_client_are_not_believed() -> None:
    """X-Forwarded-For tells the peer's address, not what the peer says."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https")
    assert origin.arrived[0].values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert origin.arrived[0].values(b"x-forwarded-host") == [b"gateway"]
    assert origin.arrived[0].values(b"x-forwarded-proto") == [b"http"]


async def test_a_route_without_a_credential_forwards_the_clients_own() -> None:
    """With `credential = "none"` the client's Authorization crosses as it is."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, route=lambda route: replace(route, credential=None)) as bench,
        bench.client() as client,
    ):
        await client.get("/", "Authorization: Basic eDp5")
    assert origin.arrived[0].values(b"authorization") == [b"Basic eDp5"]


async def test_preserve_host_sends_the_clients_host_and_via_can_be_left_out() -> None:
    """A route may keep the Host that was asked for, and leave Via out."""

    def change(route: Route) -> Route:
        return replace(route, preserve_host=True, via=False)

    async with raw_origin() as origin, gateway_to(origin.port, route=change) as bench, bench.client() as client:
        await client.get()
    assert origin.arrived[0].values(b"host") == [b"gateway"]
    assert origin.arrived[0].values(b"via") == []


async def test_base_path_and_strip_prefix() -> None:
    """The prefix goes, the upstream's base path comes, joined with one slash."""

    def change(route: Route) -> Route:
        base = upstream(route.upstream.port, b"/base/v1")
        return replace(route, path=b"/api", strip_prefix=True, upstream=base)

    async with raw_origin() as origin, gateway_to(origin.port, route=change) as bench, bench.client() as client:
        for target in ("/api/x?y=/", "/api", "/api?q", "/api//z"):
            await client.get(target)
        missed = await client.get("/apix")
    lines = [arrived.line.split(b" ")[1] for arrived in origin.arrived]
    assert lines == [b"/base/v1/x?y=/", b"/base/v1/", b"/base/v1/?q", b"/base/v1//z"]
    assert missed.status == 404


# --- bodies


@pytest.mark.parametrize("size", [0, 1, 1024, 65_535, 65_536, 65_537, 262_144, 1_048_576, 3_000_001])
async def test_bodies_of_known_length_cross_whole(size: int) -> None:
    """A body with a length arrives whole in both directions, however it is cut into reads."""
    sent, body = bytes(size), hashlib.sha256(bytes(size)).hexdigest().encode() * (size // 64) + bytes(size % 64)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with raw_origin(answers(reply, OK)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST /u HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n%b" % (size, sent))
        answer = await client.answer()
        second = await client.get()
    assert origin.arrived[0].body == sent
    assert answer.body == body
    assert (second.status, origin.connections) == (200, 1)


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
async def test_chunked_bodies_cross_chunked(size: int) -> None:
    """A chunked body arrives chunked in both directions, framed anew."""
    body = b"x" * size
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[i : i + 7777] for i in range(0, size, 7777))
    )
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks
    async with raw_origin(answers(reply, OK)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"PUT /u HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks)
        answer = await client.answer()
        second = await client.get()
    assert origin.arrived[0].body == body
    assert origin.arrived[0].values(b"transfer-encoding") == [b"chunked"]
    assert answer.body == body
    assert (second.status, origin.connections) == (200, 1)


async def test_every_cut_of_a_request_and_an_answer_gives_the_same() -> None:
    """Bytes may be cut into reads anywhere, in both directions."""
    request = b"POST /cut HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello"
    reply = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nX-Y: z\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    places = range(1, len(reply))

    async def script(visit: Visit) -> None:
        for place in places:
            await visit.request()
            await visit.send(reply[:place])
            await asyncio.sleep(0)
            await visit.send(reply[place:])

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        for place in places:
            at = place % len(request)
            await client.send(request[:at])
            await asyncio.sleep(0)
            await client.send(request[at:])
            answer = await client.answer()
            assert (answer.status, answer.body, answer.values(b"x-y")) == (201, b"abcde", [b"z"]), place
    assert {arrived.body for arrived in origin.arrived} == {b"hello"}
    assert origin.connections == 1


async def test_answers_without_a_body() -> None:
    """HEAD, 204 and 304 end with their heads, and the connection goes on."""
    replies = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        OK,
    )
    async with raw_origin(answers(*replies)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n")
        head = await client.answer(head_only=True)
        rest = [(await client.get()).status for _ in range(3)]
    assert (head.status, head.values(b"content-length")) == (200, [b"1000"])
    assert (rest, origin.connections) == ([204, 304, 200], 1)


async def test_answers_without_a_body_know_nothing_of_each_other() -> None:
    """An empty answer to a POST, then another to a GET on another connection: both arrive."""
    async with (
        raw_origin(answers(*[b"HTTP/1.1 204 No Content\r\n\r\n"] * 4)) as origin,
        gateway_to(origin.port) as bench,
    ):
        for _ in range(2):
            async with bench.client() as client:
                await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\n\r\nx")
                assert (await client.answer()).status == 204
                assert (await client.get()).status == 204


async def test_a_close_delimited_answer_is_whole_when_the_origin_closes() -> None:
    """Without a length the origin's close ends the body; a 1.1 client gets it in chunks and may go on."""
    async with (
        raw_origin(answers(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")) as origin,
        gateway_to(origin.port) as bench,
        bench.client() as client,
    ):
        answer = await client.get()
        again = await client.get()
    assert (answer.body, answer.whole, again.status) == (b"until the end", True, 200)


async def test_a_client_of_1_0_gets_no_chunks() -> None:
    """A chunked answer reaches a 1.0 client delimited by the close."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with raw_origin(answers(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = await client.answer()
    assert answer.values(b"transfer-encoding") == []
    assert (answer.values(b"connection"), answer.body) == ([b"close"], b"abc")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
async def test_an_answer_cut_short_looks_cut_short(reply: bytes) -> None:
    """When the origin ends inside its answer, the client's connection ends inside it too."""
    async with raw_origin(answers(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get()
        facts = await bench.facts()
    assert not answer.whole
    assert (facts[0].cut, facts[0].code, facts[0].status) == (True, "connection_terminated", 200)


async def test_a_client_that_leaves_frees_the_origin() -> None:
    """The origin's connection is closed at once when the client goes away, before or inside the answer."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await origin.got(1)
            client.reset()
        await origin.left.wait()
        await bench.facts()
    assert (origin.closed, bench.pool.open, bench.gateway.in_flight) == (1, 0, 0)


async def test_a_client_that_closes_is_told_from_one_that_has_finished_sending() -> None:
    """A close in good order frees the origin as well: an interim answer meets the closed socket."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench:
        async with bench.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
            await origin.got(1)
        while not origin.closed:
            await bench.pass_time(1)
    assert bench.gateway.in_flight == 0


async def test_a_client_that_has_finished_sending_gets_its_answer() -> None:
    """A half-closed connection is answered, then closed."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        client.writer.write_eof()
        answer = await client.answer()
        assert (answer.status, await client.ended()) == (200, True)


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"", b""),
        (b"Content-Length: 5\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
    ids=["none", "length", "chunked"],
)
@pytest.mark.parametrize("cut", [None, 3])
async def test_an_upgrade_that_is_not_taken(framing: bytes, body: bytes, cut: int | None) -> None:
    """A request that asks for an upgrade is forwarded without it, its body whole, wherever the reads are cut."""
    head = b"POST /up HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n%b\r\n" % framing
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(head + body[:cut])
        if cut is not None:
            await bench.turns(10)
            await client.send(body[cut:])
        answer = await client.answer()
    assert (answer.status, origin.arrived[0].body) == (200, b"hello" if framing else b"")
    assert origin.arrived[0].values(b"upgrade") == []


# --- connections


async def test_a_connection_to_the_origin_is_used_again() -> None:
    """One client after the other, one connection."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench:
        for _ in range(5):
            async with bench.client() as client:
                await client.get()
    assert (origin.connections, bench.pool.dialled, bench.pool.reused) == (1, 1, 4)


@pytest.mark.parametrize(("method", "arrivals"), [("GET", 2), ("HEAD", 2), ("OPTIONS", 2)])
async def test_a_safe_request_survives_an_idle_close(method: str, arrivals: int) -> None:
    """GET, HEAD and OPTIONS are sent again when a reused connection dies before a byte has come back."""

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.send(OK)
            await visit.request()
            visit.reset()
        else:
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get()
        await client.send(f"{method} / HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        answer = await client.answer(head_only=True)
    assert (answer.status, len(origin.arrived), origin.connections) == (200, arrivals + 1, 2)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_else_is_sent_twice(method: str) -> None:
    """A request that may have had an effect is never sent again after a transport error."""

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.send(OK)
            await visit.request()
        visit.reset()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get()
        await client.send(f"{method} / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi".encode())
        answer = await client.answer()
    assert (answer.status, len(origin.arrived)) == (502, 2)
    assert b"connection_terminated" in answer.body


async def test_a_post_avoids_a_connection_that_has_been_closed() -> None:
    """A POST looks once more before it takes an idle connection, so that a keep-alive race costs nothing."""
    async with (
        raw_origin(answers(OK)) as origin,
        gateway_to(origin.port) as bench,
        bench.client() as client,
    ):
        for _ in range(10):
            await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
            assert (await client.answer()).status == 200
            await origin.left.wait()
            origin.left.clear()
    assert len(origin.arrived) == 10


async def test_unsolicited_bytes_end_an_idle_connection() -> None:
    """What an origin sends without being asked never becomes the answer to the next request."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        if visit.number == 1:
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await visit.request()
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        bodies = [(await client.get()).body for _ in range(3)]
    assert bodies == [b"ok"] * 3
    assert origin.connections == 2


async def test_the_number_of_origin_connections_is_bounded() -> None:
    """Requests beyond `max_origin_connections` wait for a connection to come back."""
    limits = Limits(max_origin_connections=3)
    async with raw_origin() as origin, gateway_to(origin.port, limits=limits) as bench:

        async def one() -> int:
            async with bench.client() as client:
                return (await client.get()).status

        statuses = await asyncio.gather(*(one() for _ in range(40)))
    assert set(statuses) == {200}
    assert origin.connections <= 3


# --- refusal of a token


async def test_a_refused_token_is_replaced_and_the_request_replayed() -> None:
    """The client sees the answer to the replay; that very token is invalidated."""
    async with raw_origin(refuses(b"token-1")) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get("/x")
        facts = await bench.facts()
    assert (answer.status, answer.body) == (200, b"ok")
    assert [arrived.values(b"authorization")[0] for arrived in origin.arrived] == [b"Bearer token-1", b"Bearer token-2"]
    assert (facts[0].attempts, facts[0].replay, bench.source.refused) == (2, "accepted", [(b"GET", b"/x")])


async def test_500_concurrent_refusals_cost_one_login_and_500_replays() -> None:
    """No client sees a 401, whatever the number of requests that meet the dead token."""
    async with raw_origin(refuses(b"token-1")) as origin, gateway_to(origin.port) as bench:

        async def one() -> int:
            async with bench.client() as client:
                return (await client.get()).status

        statuses = await asyncio.gather(*(one() for _ in range(500)))
        facts = await bench.facts(500)
    assert statuses == [200] * 500
    assert bench.source.logins == 2
    assert sum(fact.attempts for fact in facts) == len(origin.arrived) <= 1000


async def test_a_refused_post_arrives_twice_with_the_same_bytes() -> None:
    """A body up to `replay_buffer` is kept and sent again byte for byte."""
    body = hashlib.sha256(b"seed").digest() * 32_768
    async with raw_origin(refuses(b"token-1")) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        answer = await client.answer()
    assert answer.status == 200
    assert [hashlib.sha256(arrived.body).digest() for arrived in origin.arrived] == [hashlib.sha256(body).digest()] * 2


async def test_a_refused_chunked_post_arrives_twice_with_the_same_bytes() -> None:
    """Also a body whose length nobody knows beforehand."""
    async with raw_origin(refuses(b"token-1")) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await client.send(b"2\r\nde\r\n0\r\n\r\n")
        assert (await client.answer()).status == 200
    assert [arrived.body for arrived in origin.arrived] == [b"abcde", b"abcde"]


async def test_a_token_that_is_replaced_while_its_request_waits_for_a_connection_is_not_sent() -> None:
    """What was current before the wait may have been refused, or have expired, behind it."""
    gate, source = asyncio.Event(), FakeSource()

    async def late(visit: Visit) -> None:
        while True:
            await visit.request()
            await gate.wait()
            await visit.send(OK)

    limits = Limits(max_origin_connections=1)
    async with (
        raw_origin(late) as origin,
        gateway_to(origin.port, limits=limits, source=source) as bench,
        bench.client() as first,
        bench.client() as second,
    ):
        await first.send(b"GET /1 HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.asked(1)
        await second.send(b"GET /2 HTTP/1.1\r\nHost: g\r\n\r\n")
        while not bench.pool._waiting:
            await bench.turns(1)
        current = source.current()
        assert current is not None
        source.invalidate(current, "another request")
        gate.set()
        assert [(await client.answer()).status for client in (first, second)] == [200, 200]
    assert [arrived.values(b"authorization") for arrived in origin.arrived] == [
        [b"Bearer token-1"],
        [b"Bearer token-2"],
    ]


async def test_a_body_that_outgrows_the_buffer_during_the_login_is_not_replayed() -> None:
    """A refusal may come before the body has: what arrives while the login runs counts, and nothing is sent in part."""
    limits = Limits(replay_buffer=1000, replay_spool=0)
    source = FakeSource()

    async def refuse(visit: Visit) -> None:
        await visit.head()
        source.gate = asyncio.Event()
        await visit.send(UNAUTHORIZED)
        await visit.reader.read()

    async with (
        raw_origin(refuse) as origin,
        gateway_to(origin.port, limits=limits, source=source) as bench,
        bench.client() as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        while source.number == 1:
            await bench.turns(1)
        gate = source.gate
        assert gate is not None
        await client.send(b"7d0\r\n%b\r\n0\r\n\r\n" % bytes(2000))
        connection = next(iter(bench.clients))
        assert isinstance(connection, ClientConnection)
        while connection.current is None or not connection.current.body.complete:
            await bench.turns(1)
        gate.set()
        answer = await client.answer()
    assert (answer.status, answer.body) == (401, b"dead")
    assert answer.values(b"proxy-status") == [b'iam-proxy; details="body not replayable"']
    assert len(origin.heads) == 1


async def test_a_body_above_the_buffer_is_not_replayed_and_the_refusal_is_marked() -> None:
    """The origin's own answer goes to the client, with the one field that says why there was no replay."""
    limits = Limits(replay_buffer=1000, replay_spool=0)
    async with (
        raw_origin(refuses(b"token-1")) as origin,
        gateway_to(origin.port, limits=limits) as bench,
        bench.client() as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1001\r\n\r\n" + bytes(1001))
        await origin.asked(1)
        await bench.pass_time(2)  # the origin does not say 100 Continue
        answer = await client.answer()
        facts = await bench.facts()
    assert (answer.status, answer.body, len(origin.arrived)) == (401, b"dead", 1)
    assert answer.values(b"proxy-status") == [b'iam-proxy; details="body not replayable"']
    assert (facts[0].replay, bench.source.refused) == ("impossible", [(b"POST", b"/")])


async def test_a_stale_token_is_refreshed_before_a_body_that_cannot_be_replayed() -> None:
    """For a body above the buffer the remaining lifetime is looked at first."""
    source = FakeSource(stale=True)
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, limits=Limits(replay_buffer=10, replay_spool=0), source=source) as bench,
        bench.client() as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 11\r\n\r\n" + bytes(11))
        await origin.asked(1)
        await bench.pass_time(2)  # the origin does not say 100 Continue
        await client.answer()
    assert origin.arrived[0].values(b"authorization") == [b"Bearer token-2"]


async def test_a_refusal_after_the_replay_goes_to_the_client_byte_for_byte() -> None:
    """What the origin says to the newer token is its answer."""
    async with (
        raw_origin(refuses(b"token-1", b"token-2")) as origin,
        gateway_to(origin.port) as bench,
        bench.client() as client,
    ):
        answer = await client.get("/y")
        facts = await bench.facts()
    assert (answer.status, answer.body, answer.values(b"proxy-status")) == (401, b"dead", [])
    assert (len(origin.arrived), facts[0].replay, bench.source.replays_refused) == (2, "refused", [(b"GET", b"/y")])


async def test_a_refusal_that_is_not_believed_is_passed_on() -> None:
    """While refusals are doubted, an origin's 401 reaches the client as it came, and nothing is replayed."""
    source = FakeSource(believes=False, listening=True)
    async with (
        raw_origin(refuses(b"token-1")) as origin,
        gateway_to(origin.port, source=source) as bench,
        bench.client() as client,
    ):
        answer = await client.get()
    assert (answer.status, answer.body, len(origin.arrived)) == (401, b"dead", 1)


async def test_replay_can_be_turned_off() -> None:
    """With `replay = false` the refusal goes to the caller, the token is invalidated all the same."""
    async with (
        raw_origin(refuses(b"token-1")) as origin,
        gateway_to(origin.port, route=lambda route: replace(route, replay=False)) as bench,
        bench.client() as client,
    ):
        first, second = await client.get(), await client.get()
    assert (first.status, second.status, len(origin.arrived)) == (401, 200, 2)


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b"
DEAD_BODY = b'{"message":"FpCam::Invalid token"}'


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (FORBIDDEN % (len(DEAD_BODY), DEAD_BODY), 200),
        (FORBIDDEN % (21, b'{"message":"no right"'), 403),
        (b"HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nInval\r\n8\r\nid token\r\n0\r\n\r\n", 200),
        (FORBIDDEN % (80_000, bytes(65_536) + b"Invalid token" + bytes(80_000 - 65_549)), 403),
        (FORBIDDEN % (80_000, bytes(60_000) + b"Invalid token" + bytes(80_000 - 60_013)), 200),
    ],
)
async def test_a_403_is_a_refusal_only_if_it_says_so(reply: bytes, status: int) -> None:
    """403 also means "no rights": its body decides, within the first 64 KiB; else it streams on untouched."""
    async with (
        raw_origin(refuses(b"token-1", reply=reply)) as origin,
        gateway_to(origin.port) as bench,
        bench.client() as client,
    ):
        answer = await client.get()
    assert answer.status == status
    assert answer.whole
    assert len(origin.arrived) == (2 if status == 200 else 1)
    if status == 403:
        assert answer.body == reply.partition(b"\r\n\r\n")[2]


# --- own answers


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (LoginRejected(), 502, b"login_rejected", []),
        (LoginUnavailable(retry_after=2.1), 503, b"login_unavailable", [b"3"]),
    ],
)
async def test_without_a_token_nothing_reaches_the_origin(
    error: Exception, status: int, code: bytes, retry: list[bytes]
) -> None:
    """A login that fails is said to the client in our own words, with problem+json and Proxy-Status."""
    async with (
        raw_origin() as origin,
        gateway_to(origin.port, source=FakeSource(error=error)) as bench,
        bench.client() as client,
    ):
        answer = await client.get()
    assert (answer.status, answer.values(b"retry-after"), origin.arrived) == (status, retry, [])
    assert answer.values(b"content-type") == [b"application/problem+json"]
    assert b'"code":"%b"' % code in answer.body
    assert answer.values(b"proxy-status")[0].startswith(b"iam-proxy; error=")


async def test_nobody_listening_is_said() -> None:
    """A refused connection gives 502 connection_refused, and the client may go on."""
    async with raw_origin() as origin:
        port = origin.port
    async with gateway_to(port) as bench, bench.client() as client:
        answers = [await client.get() for _ in range(2)]
    assert [answer.status for answer in answers] == [502, 502]
    assert b'"code":"connection_refused"' in answers[0].body


@pytest.mark.parametrize(
    "reply",
    [
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
)
async def test_a_malformed_answer_is_not_passed_on(reply: bytes) -> None:
    """What is ambiguous on the origin's side becomes 502 bad_upstream, and its connection is not used again."""
    async with raw_origin(answers(reply)) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get()
    assert (answer.status, bench.pool.open) == (502, 0)
    assert b'"code":"bad_upstream"' in answer.body


async def test_an_origin_that_closes_without_an_answer() -> None:
    """Closed after reading the request: 502 connection_terminated."""

    async def script(visit: Visit) -> None:
        await visit.request()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        answer = await client.get()
    assert (answer.status, len(origin.arrived)) == (502, 1)
    assert b'"code":"connection_terminated"' in answer.body


async def test_an_origin_that_does_not_answer_in_time() -> None:
    """No first byte within `timeouts.response`: 504, and the client may go on."""

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.reader.read()
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.got(1)
        await bench.pass_time(301)
        late, good = await client.answer(), await client.get()
    assert (late.status, good.status) == (504, 200)


async def test_an_answer_that_stalls_is_cut() -> None:
    """No byte within `timeouts.idle` inside an answer: the client sees it cut."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await visit.reader.read()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\nabc")
        await bench.pass_time(301)
        assert await client.ended()
        facts = await bench.facts()
    assert (facts[0].cut, facts[0].code) == (True, "upstream_timeout")


async def test_peers_that_may_not_use_the_gateway() -> None:
    """A peer outside `access.allow` is answered 403, whatever it asks."""
    access = Access((ipaddress.ip_network("10.0.0.0/8"),))
    async with raw_origin() as origin, gateway_to(origin.port, access=access) as bench, bench.client() as client:
        answer = await client.get("/iam/login")
    assert (answer.status, origin.arrived) == (403, [])
    assert b'"code":"client_not_allowed"' in answer.body


async def test_methods_that_a_route_does_not_take() -> None:
    """405 with Allow."""

    def change(route: Route) -> Route:
        return replace(route, methods=frozenset((b"GET", b"HEAD")))

    async with raw_origin() as origin, gateway_to(origin.port, route=change) as bench, bench.client() as client:
        await client.send(b"DELETE / HTTP/1.1\r\nHost: g\r\n\r\n")
        answer = await client.answer()
        good = await client.get()
    assert (answer.status, answer.values(b"allow"), good.status) == (405, [b"GET, HEAD"], 200)


async def test_too_many_requests_in_flight() -> None:
    """Above `max_in_flight`: 503 with Retry-After, at once."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    limits = Limits(max_in_flight=1)
    async with (
        raw_origin(script) as origin,
        gateway_to(origin.port, limits=limits) as bench,
        bench.client() as first,
        bench.client() as second,
    ):
        await first.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await origin.got(1)
        answer = await second.get()
    assert (answer.status, answer.values(b"retry-after")) == (503, [b"1"])
    assert b'"code":"overloaded"' in answer.body


BAD_FORM = {
    b"rubbish\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n": 400,
    b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n": 400,
    b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n": 400,
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n": 400,
    b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n": 405,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx": 400,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 400_000: 431,
}


@pytest.mark.parametrize(("request_bytes", "status"), BAD_FORM.items(), ids=lambda value: repr(value)[:40])
async def test_bad_form_is_answered_and_closed(request_bytes: bytes, status: int) -> None:
    """Malformed HTTP gets a clean answer, the connection is closed, nothing reaches the origin."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(request_bytes)
        answer = await client.answer()
        assert (answer.status, answer.values(b"connection")) == (status, [b"close"])
        assert await client.ended()
    assert origin.arrived == []


async def test_pipelined_requests_are_answered_in_order_and_a_bad_one_spoils_none_before_it() -> None:
    """Requests sent in one go are answered one by one, up to the malformed one."""

    async def script(visit: Visit) -> None:
        while True:
            arrived = await visit.request()
            target = arrived.line.split(b" ")[1]
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    get = b"GET /%d HTTP/1.1\r\nHost: g\r\n\r\n"
    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"".join(get % number for number in range(20)) + b"bad\r\n\r\n")
        bodies = [(await client.answer()).body for _ in range(20)]
        last = await client.answer()
        assert await client.ended()
    assert bodies == [b"/%d" % number for number in range(20)]
    assert last.status == 400


async def test_a_body_that_turns_out_malformed_is_not_completed_at_the_origin() -> None:
    """A bad chunk behind good ones: the client gets 400, the origin's connection is cut inside the body."""
    cut = asyncio.Event()

    async def script(visit: Visit) -> None:
        try:
            await visit.request()
        finally:
            cut.set()

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await bench.turns(20)
        await client.send(b"zz\r\nabc\r\n")
        answer = await client.answer()
        await cut.wait()
    assert (answer.status, origin.arrived) == (400, [])


async def test_a_head_that_does_not_come_in_time() -> None:
    """A slow-drip client is told 408 and cut off after `client_header`."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHo")
        await bench.turns(20)
        await bench.pass_time(31)
        answer = await client.answer()
        assert await client.ended()
    assert answer.status == 408


async def test_an_idle_client_is_closed() -> None:
    """After `keep_alive` without a request the connection is closed in good order."""
    async with raw_origin() as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.get()
        await bench.pass_time(76)
        assert await client.ended()


async def test_an_early_answer_is_heard_while_the_client_still_sends() -> None:
    """An origin that answers 413 before the body is through: the client gets the answer and the connection ends."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 100000000\r\n\r\n" + bytes(1000))
        answer = await client.answer()
    assert (answer.status, answer.body, answer.values(b"connection")) == (413, b"big", [b"close"])


async def test_expect_100_continue_goes_end_to_end() -> None:
    """The origin's 100 reaches the client, which then sends its body."""

    async def script(visit: Visit) -> None:
        head = await visit.head()
        assert b"Expect: 100-continue\r\n" in head
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await visit.body(head) == b"body"
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        interim = await client.answer()
        await client.send(b"body")
        assert (interim.status, (await client.answer()).status) == (100, 200)


async def test_a_slow_reader_holds_the_origin() -> None:
    """A client that does not read stops the origin; little is kept in between; the next request is not held."""
    size = 64 * 1024 * 1024
    sent = 0

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await visit.send(bytes(65536))
            sent += 65536
        await visit.request()
        await visit.send(OK)

    async with raw_origin(script) as origin, gateway_to(origin.port) as bench, bench.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != sent:
            before = sent
            await bench.turns(50)
        assert sent < size - 16 * 1024 * 1024
        left = size
        while left:
            left -= len(await client.reader.read(min(left, 2**20)))
        assert (await client.get()).status == 200
    assert origin.connections == 1
