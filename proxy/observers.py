"""Who is told what a gateway does: its log, its metrics, the demo."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.settings import Config
from proxy.core.events import Finished
from proxy.core.tls_events import TlsEvent
from proxy.core.token_events import TokenEvent
from proxy.core.worker_events import WorkerEvent


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is told what happens.

    `starved`: no file could be opened for a client that waits to be accepted; `configured`: a reload has put
    this configuration in force.
    """

    finished: Callable[[Finished], None]
    token: Callable[[TokenEvent], None]
    tls: Callable[[TlsEvent], None] = lambda _: None
    starved: Callable[[OSError], None] = lambda _: None
    configured: Callable[[Config], None] = lambda _: None
    worker: Callable[[WorkerEvent], None] = lambda _: None
