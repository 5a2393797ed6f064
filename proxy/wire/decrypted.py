"""What comes by way of TLS, read as much at a time as there is."""

import asyncio

# uvloop and asyncio decrypt into a buffer that they are given, record by record, until it is full; without one they
# make an object for each record of 16 KiB and join them, which costs a third more for large bodies. One is enough for
# all connections: between being asked for it and being told that it has been filled, a loop does nothing else.
BUFFER = memoryview(bytearray(256 * 1024))


class Decrypted(asyncio.BufferedProtocol):
    """Hands on to a protocol what is read, in one piece for each turn; its transport may get another protocol."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read into."""
        del sizehint  # nobody knows how much will come
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have come."""
        self._protocol.data_received(bytes(BUFFER[:nbytes]))

    # --- what is no different
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on."""
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on."""
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Hand on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._protocol.resume_writing()
