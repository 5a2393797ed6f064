"""The way of a request, from top to bottom: judge, inject, send, triage of a refusal, replay, relay."""

import itertools
import os
import re
from collections.abc import Callable, Sequence

from proxy.core.events import Finished
from proxy.core.fields import REFERRING, joined
from proxy.core.problem import NAME, problem
from proxy.core.redact import defect
from proxy.core.refusal import LOOKED_AT, dead
from proxy.core.token import Token
from proxy.errors import BadRequest, GatewayError, InternalError, LoginError
from proxy.judge import Judge
from proxy.sending import Sending
from proxy.tokens.source import TokenSource
from proxy.way import Way
from proxy.wire.answer import Answer, hide
from proxy.wire.body import EMPTY
from proxy.wire.client import ClientConnection
from proxy.wire.client_deadlines import STARTED
from proxy.wire.connection import BY_QUEUE, Wire
from proxy.wire.request import Request
from proxy.wire.tunnel import Tunnel

UNREPLAYABLE = b'Proxy-Status: %b; details="body not replayable"\r\n' % NAME.encode()
NO_CONTENT = 204
# An id that a client may choose, in visible ASCII: it goes into logs and fields.
REQUEST_ID = re.compile(rb"[ \t]*([!-~]{1,128})[ \t]*")

Observer = Callable[[Finished], None]


class Gateway:
    """Serves the connections of clients along the ways of the current configuration.

    `exchange` makes what becomes of a request, `malformed` is told of what was none: an inspector puts its own there.
    """

    def __init__(self, wire: Wire, ways: Sequence[Way], judge: Judge, observe: Observer) -> None:
        self.wire = wire
        self.now = wire.loop.time
        self.ways = ways
        self.judge = judge
        self.cors = judge.cors if judge.cors.origins else None
        self.observe = self.malformed = observe
        self.exchange: Callable[[Gateway, ClientConnection, Request], Exchange] = Exchange
        self.in_flight = 0
        self._ids = itertools.count(1)
        self._id_prefix = os.urandom(5).hex()

    def follow(self, ways: Sequence[Way], judge: Judge) -> None:
        """Serve the next request of every connection along these ways; those under way end as they began."""
        self.ways, self.judge = ways, judge
        self.cors = judge.cors if judge.cors.origins else None

    async def serve(self, client: ClientConnection) -> None:
        """Answer the requests of one connection, one after the other, until there are no more."""
        judge = self.judge
        judge.meet(client)
        usable = True
        while usable:
            try:
                request = await client.next_request()
            except GatewayError as error:
                error.__traceback__ = None  # as in Exchange.run
                self._answer_bad_form(client, error)
                break
            if request is None:
                break
            if judge is not self.judge:
                judge = self.judge
                judge.meet(client)
            usable = await self.exchange(self, client, request).run()
        client.finish()

    def id_for(self, request: Request | None) -> str:
        """Return the id that a request came with, or a new one."""
        given = None if request is None else request.control.get(b"x-request-id")
        if given is not None and (chosen := REQUEST_ID.fullmatch(given)):
            return chosen[1].decode()
        return f"{self._id_prefix}{next(self._ids):06x}"

    def _answer_bad_form(self, client: ClientConnection, error: GatewayError) -> None:
        fact = Finished("", "", b"", client.address, self.id_for(None), int(error.status), error.code, error.cause)
        client.own_answer(*problem(error, fact.request_id))  # as JSON: none of its fields is known
        fact.client, fact.sent = client.name, client.sent
        self.malformed(fact)


class Exchange(Sending):
    """One request, and what became of it."""

    __slots__ = ("began", "cors", "gateway", "tunnel")

    def __init__(self, gateway: Gateway, client: ClientConnection, request: Request) -> None:
        self.gateway = gateway
        self.client = client
        self.request = request
        self.cors = gateway.cors
        self.origin = self.token = None
        self.tunnel: Tunnel | None = None
        self.began = gateway.now()
        self.fact = Finished(
            "", request.method.decode(), request.target, client.address, gateway.id_for(request), client=client.name
        )

    async def run(self) -> bool:
        """Return whether the client's connection may be used on."""
        self.gateway.in_flight += 1
        self.client.share.in_flight += 1
        try:
            return await self._run()
        except GatewayError as error:
            error.__traceback__ = None  # its frames hold what holds the error: only the collector would free them
            return self._own_answer(error)
        except Exception as error:  # noqa: BLE001  a defect of ours costs one request, never the connection of another
            return self._own_answer(InternalError(cause=defect(error)))
        finally:
            self._release()
            if self.request.body is not EMPTY:
                self.request.body.forget()
            self.gateway.in_flight -= 1
            self.client.share.in_flight -= 1
            self._tell()

    async def _run(self) -> bool:
        gateway = self.gateway
        found = gateway.judge.judge(self.client, self.request, self.fact, gateway.in_flight)
        if isinstance(found, bytes):
            self.fact.status = NO_CONTENT
            return self.client.own_answer(found, b"")
        self.way = way = gateway.ways[found.index]
        self.fact.route, self.fact.credential = way.label, way.route.credential
        if way.route.scrub:
            self.request.ask_plainly()
        if way.source is None:
            answer = await self._ask(None)
        elif way.keeps_own(self.request):
            if way.route.scrub and not way.source.hidden:
                await self._learn(way.source)
            answer = await self._ask(None)
        else:
            answer = await self._ask_with_token(way.source)
        keep = self._start(answer)
        if answer.upgrade:
            return await self._join()
        if not answer.body.complete:
            await self._rest(answer)
        return keep

    async def _learn(self, source: TokenSource) -> None:
        """Wait until what answers must not show is known; it is read for a login. Raises LoginError where it is not."""
        try:
            await self._wait_for(source.token())
        except LoginError:
            if not source.hidden:
                raise

    async def _ask_with_token(self, source: TokenSource) -> Answer:
        """Return the answer to the request with a live token, replayed if the first that was sent was refused."""
        way, token = self.way, self._current(source)
        if token is None:
            token = await self._wait_for(source.token() if way.replays(self.request) else source.fresh())
        answer = await self._ask(token)
        token = self.token or token
        if answer.status in way.reject_statuses and await self._refused(answer):
            return await self._recover(source, token, answer)
        if source.listening:
            source.accepted(token, self._what(), self.began)
        return answer

    def _current(self, source: TokenSource) -> Token | None:
        """Return the token to send if memory has it; a body that cannot be sent twice asks for a fresh one instead."""
        body = self.request.body
        if body is not EMPTY:
            if self.way.route.replay:
                body.keep(self.way.limits.replay_buffer, self.way.keep_limit)
            if not self.way.replays(self.request):
                return None
        return source.current()

    # --- triage of a refusal, replay
    async def _refused(self, answer: Answer) -> bool:
        """Return whether the answer means that the token is dead; some of its body may have to come for that."""
        rules, body, origin = self.way.reject, answer.body, self.origin
        if dead(rules, answer.status, answer.lines, b""):
            return True
        assert origin is not None  # noqa: S101  for the type checker
        while not body.complete and body.pending < LOOKED_AT and origin.fault is None and self.request.broken is None:
            await self.client.flow
        return dead(rules, answer.status, answer.lines, body.peek())

    async def _recover(self, source: TokenSource, token: Token, answer: Answer) -> Answer:
        """Invalidate that very token, and send the request once more with the next one if that can be done."""
        if not self._replayable():
            return self._unreplayable(source, token, answer)
        newer = await self._wait_for(source.renew(token, self._what()))
        if newer is None:
            return answer
        if not self._replayable():  # more of the body has come meanwhile than is kept
            return self._unreplayable(source, token, answer)
        self._release()
        self.fact.replay = "failed"
        answer = await self._ask(newer)
        newer = self.token or newer
        if answer.status in self.way.reject_statuses and await self._refused(answer):
            source.replay_refused(newer, self._what())
            self.fact.replay = "refused"
        else:
            if source.listening:
                source.accepted(newer, self._what(), self.began)
            self.fact.replay = "accepted"
        return answer

    def _replayable(self) -> bool:
        return self.way.route.replay and self.request.body.replayable

    def _unreplayable(self, source: TokenSource, token: Token, answer: Answer) -> Answer:
        """Take note of the refusal for those who come next; the answer says so where a replay was wanted."""
        if source.invalidate(token, self._what()) and self.way.route.replay:
            answer.lines.append(UNREPLAYABLE)
            self.fact.replay = "impossible"
        return answer

    def _what(self) -> tuple[bytes, bytes]:
        """Return what a token is accepted or refused for: one method at one path."""
        return self.request.method, self.request.target.partition(b"?")[0]

    # --- relay
    def _start(self, answer: Answer) -> bool:
        """Begin to pass the answer on. Returns whether the client's connection may be used on behind it."""
        assert self.origin is not None  # noqa: S101  for the type checker
        self.fact.status = answer.status
        if not REFERRING.isdisjoint(answer.control):
            answer.lines = self.way.returned(answer.lines, self.request)
        if self.request.scrub is not None:
            hide(answer, self.request.scrub)
        if self.cors is not None:
            answer.lines = self.cors.answered(answer.lines, self.request.control.get(b"origin"))
        keep = self.client.start_answer(answer)
        if self.origin.held:
            self.origin.release(BY_QUEUE)
        return keep

    async def _rest(self, answer: Answer) -> None:
        """Wait while the rest of the answer crosses, from protocol to protocol."""
        request, origin = self.request, self.origin
        assert origin is not None  # noqa: S101  for the type checker
        while not answer.body.complete:
            fault = origin.fault or request.broken
            if fault is not None:
                raise fault
            await self.client.flow

    async def _join(self) -> bool:
        """Carry bytes both ways behind a 101 until the tunnel is over. Nothing is served behind it."""
        client, origin = self.client, self.origin
        assert origin is not None  # noqa: S101  for the type checker
        self.tunnel = tunnel = Tunnel(self.gateway.wire.sweep, self.way.route.timeouts.idle, client.flow.wake)
        tunnel.open(client, origin, client.take_unread(), origin.behind_switch, ended=client.ended)
        try:
            while not tunnel.over:
                await client.flow
        finally:
            tunnel.end()
        return False

    def _own_answer(self, error: GatewayError) -> bool:
        """Answer for the origin, or cut its answer short so that the client sees it."""
        client, fact = self.client, self.fact
        fact.code, fact.cause = error.code, error.cause
        if client.state is STARTED:
            fact.cut = True
            client.cut()
            return False
        fact.status = int(error.status)
        if isinstance(error, BadRequest):
            self.request.keep = False  # interface.md: `bad_request` closes the connection
        return client.own_answer(*self._said(error))

    def _said(self, error: GatewayError) -> tuple[bytes, bytes]:
        """Return head and body of the answer for an error, in the form that the caller prefers."""
        head, body = problem(error, self.fact.request_id, joined(self.request.lines, b"accept"))
        if self.cors is not None:
            head = self.cors.own(head, self.request.control.get(b"origin"))
        return head, body

    def _tell(self) -> None:
        fact = self.fact
        fact.received, fact.sent = self.request.body.size, self.client.sent
        if self.tunnel is not None:
            fact.received += self.tunnel.received
            fact.sent += self.tunnel.sent
        now = self.gateway.now()
        fact.duration = now - self.began
        if self.token is not None and now >= self.token.expires_at and fact.status and (fact.code is None or fact.cut):
            fact.outlived = True
        self.gateway.observe(fact)
