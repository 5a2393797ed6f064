"""One worker; a supervisor starts it and hands it what to do on the socket whose descriptor is its only argument."""

import socket
import sys

from proxy.life import run
from proxy.process import no_core_dumps
from proxy.workers.order import received
from proxy.workers.worker import work


def main() -> int:
    """Serve until the supervisor says otherwise; return the exit code."""
    no_core_dumps()  # before any secret is received
    sock = socket.socket(fileno=int(sys.argv[1]))
    try:
        order = received(sock)
    except EOFError:
        return 0
    return run(work(order, sock))


if __name__ == "__main__":
    sys.exit(main())
