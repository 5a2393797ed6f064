"""Ports for servers that must be told theirs, as they cannot say which one they were given."""

import random
import socket

# Linux and macOS give out the ports from 32768 (49152) on to whoever asks for any; a port of those may be taken between
# the look and the listening, by a test that runs beside this one.
FIRST, LAST = 10_000, 32_000
# Not seeded: tests that run beside each other in processes of their own are to look at different ones.
CHOICE = random.SystemRandom()


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that the system gives to nobody unasked."""
    while True:
        port = CHOICE.randint(FIRST, LAST)
        with socket.socket() as looked_for:
            # As servers do, who take a port whose last connections are still remembered.
            looked_for.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                looked_for.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
