"""A worker: a whole gateway on sockets and with tokens that are the supervisor's."""

import asyncio
import os
import signal
import socket
from dataclasses import replace

from proxy import figures, log, process
from proxy.app import App
from proxy.config.settings import Config, Log, Tokens
from proxy.core.events import Finished
from proxy.core.snapshot import Snapshot, snapshot, summed
from proxy.core.tls_events import HandshakeFailed, TlsEvent
from proxy.life import Signals
from proxy.log import Output
from proxy.log.access import hidden_parameters
from proxy.metrics import Metrics
from proxy.observers import Observers
from proxy.telling import starved, tell_of_tls
from proxy.workers.channel import TELL_EVERY, Channel, Message
from proxy.workers.order import Order
from proxy.workers.remote import RemoteSource

# How a worker ends that had to cut what did not end in time.
CUT = 3


async def work(order: Order, sock: socket.socket) -> int:
    """Serve until the supervisor says otherwise or is gone, then drain; return the exit code."""
    config = replace(order.config, tokens=Tokens())
    output = log.configure(config.log)
    worker = Worker(config, output)
    try:
        await worker.connect(sock)
        return await worker.serve([socket.socket(fileno=fd) for fd in order.sockets])
    finally:
        output.close()


class Worker:
    """One worker's gateway, at the end of its channel."""

    def __init__(self, config: Config, output: Output) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._output = output
        self._metrics = Metrics()
        self._signals = Signals(loop)
        self._channel = Channel(self._heard, self._lost)
        # Ctrl-C and hang-ups reach the whole group; what becomes of them is for the supervisor to say.
        loop.remove_signal_handler(signal.SIGINT)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        names = {route.credential for route in config.routes} - {None}
        self._sources = {
            name: RemoteSource(name, self._channel.send, loop.time) for name in config.credentials if name in names
        }
        output.access.hidden = hidden_parameters(route.injection for route in config.routes)
        observers = Observers(self._finished, lambda _: None, tell, starved)
        self._app = App(config, observers, self._sources)

    async def connect(self, sock: socket.socket) -> None:
        """Put the channel on the loop."""
        sock.setblocking(False)  # noqa: FBT003  the standard library has no other way
        await self._loop.create_connection(lambda: self._channel, sock=sock)

    async def serve(self, sockets: list[socket.socket]) -> int:
        """Serve on listening sockets; return the exit code."""
        await self._app.start(sockets)
        self._channel.send({"ready": os.getpid()})
        self._tell_now_and_then()
        await self._signals.asked()
        finished = await self._signals.end(self._app)
        self._channel.send({"counted": self.counted()})
        return 0 if finished else CUT

    def counted(self) -> Snapshot:
        """Return what this process has counted."""
        return summed(
            (
                self._metrics.snapshot(),
                figures.traffic(self._app),
                snapshot("iam_proxy_log_lines_dropped_total", {(): self._output.dropped}),
                process.figures(),
            )
        )

    def _finished(self, fact: Finished) -> None:
        self._metrics.finished(fact)
        self._output.access.finished(fact)

    def _tell_now_and_then(self) -> None:
        self._channel.send({"counted": self.counted()})
        self._loop.call_later(TELL_EVERY, self._tell_now_and_then)

    # --- what the supervisor says
    def _heard(self, message: Message) -> None:
        if "source" in message:
            self._sources[message["source"]].heard(message)
        elif "count" in message:
            self._channel.send({"counted": self.counted(), "to": message["count"]})
        elif "log" in message:
            self._output.adjust(Log(**message["log"]))
        elif "cut" in message:
            self._signals.arrive()
            self._signals.arrive()

    def _lost(self) -> None:
        """The supervisor is gone: finish what runs."""
        for source in self._sources.values():
            source.lost()
        self._signals.arrive()


def tell(event: TlsEvent) -> None:
    """Write what became of a handshake into the log; of the certificate the supervisor tells."""
    if isinstance(event, HandshakeFailed):
        tell_of_tls(event)
