"""What the log says of a gateway that has begun to serve, or serves by another configuration."""

import tempfile
from collections.abc import Collection

import structlog

from proxy.app import App
from proxy.core.address import Address, url


def say_addresses(app: App, known: Collection[Address] = ()) -> None:
    """Write into the log where a gateway listens, but for addresses that are known."""
    log = structlog.get_logger()
    for address in app.addresses:
        if address not in known:
            log.info("listening", address=str(address), curl=curl(app, address))


def say_egress(app: App) -> None:
    """Write into the log which routes reach their origins through a proxy."""
    for route in app.config.routes:
        if route.egress is not None:
            structlog.get_logger().info("through an egress proxy", route=route.label, proxy=str(route.egress))


def say_shortages(app: App) -> None:
    """Write into the log what the system does not give the gateway."""
    log, limits = structlog.get_logger(), app.config.limits
    if app.spool_fault is not None:
        words = "no temporary file can be made: bodies above limits.replay_buffer are streamed without replay"
        log.warning(words, folder=tempfile.gettempdir(), cause=app.spool_fault)
    if app.clients.limit < limits.max_connections:
        words = "too few open files for limits.max_connections: fewer clients are accepted (see ulimit -n)"
        log.warning(words, files=app.files, wanted=limits.max_connections, accepted=app.clients.limit)


def curl(app: App, address: Address) -> str:
    """Return a command that asks the gateway at an address for something."""
    if app.certificate is None or not app.speaks_tls(address):
        return f"curl {url(address)}/"
    own = "--cert CERT.pem --key KEY.pem " if app.certificate.asks_clients else ""
    return f"curl {own}{url(address, 'https')}/"
