"""A running gateway reloads: what is done, and who is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from proxy.announce import say_addresses, say_egress, say_shortages
from proxy.app import App
from proxy.config.changes import changes, needs_restart
from proxy.config.settings import Config
from proxy.core.reload_events import FileGone, ReloadBegun, Reloaded, ReloadEvent, ReloadRefused
from proxy.life import on_hangup
from proxy.metrics import Metrics
from proxy.reload import Reloads
from proxy.systemd import Notice, sentence


@contextlib.asynccontextmanager
async def reloading(
    app: App, content: bytes, reread: Callable[[], Config], metrics: Metrics, notice: Notice
) -> AsyncIterator[None]:
    """Reload a gateway at each SIGHUP and when its file has changed; `content` is what the file held at the start."""

    def tell(event: ReloadEvent) -> None:
        metrics.reload(event)
        write(event, from_file=app.config.source is not None)
        if isinstance(event, ReloadBegun):
            notice.reloading()
        elif not isinstance(event, FileGone):
            refused = "; the last reload was refused" if isinstance(event, ReloadRefused) else ""
            notice.ready(sentence(app.addresses) + refused)

    loop, source = asyncio.get_running_loop(), app.config.source
    file = None if source is None else Path(source)
    reloads = Reloads(file, content, lambda: reloaded(app, reread), tell, loop)
    reloads.start()
    on_hangup(loop, reloads.ask)
    try:
        yield
    finally:
        await reloads.close()


async def reloaded(app: App, reread: Callable[[], Config]) -> Reloaded:
    """Put the configuration as it is read now in force. Raises ConfigError and StartError; nothing has changed then."""
    before, addresses = app.config, app.addresses
    config = await asyncio.to_thread(reread)
    await app.reload(config)
    changed = changes(before, config)
    say_addresses(app, addresses)
    if any(change.startswith("limits.") for change in changed):
        say_shortages(app)
    if any(change.startswith("route ") for change in changed):
        say_egress(app)
    return Reloaded(
        tuple(changed),
        tuple(needs_restart(changed, sockets=app.sockets_handed)),
        tuple(app.generation.without_token),
        tuple(warning for warning in config.warnings if warning not in before.warnings),
    )


def write(event: ReloadEvent, *, from_file: bool) -> None:
    """Write what became of a reload into the log."""
    log = structlog.get_logger()
    match event:
        case Reloaded():
            for warning in event.warnings:
                log.warning(warning)
            for key in event.restart:
                log.warning("changed, but needs a restart", key=key)
            extra = {"without_token": list(event.without_token)} if event.without_token else {}
            words = "reloaded" if from_file else "secrets read anew; the environment, which is the configuration, stays"
            log.info(words, changed=list(event.changed), **extra)
        case ReloadRefused(again=False):
            for mistake in event.mistakes:
                log.error("reload refused", mistake=mistake)
        case FileGone():
            log.warning("the configuration file is gone; what it said stays in force", cause=event.cause)
