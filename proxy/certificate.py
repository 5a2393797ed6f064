"""The certificate of the moment: its files are looked at until they change, and new connections get the new one."""

import asyncio
import ssl
from collections.abc import Callable

from proxy.config.certificates import Certificates, Contents
from proxy.core.tls_events import CertificateChanged, CertificateKept, TlsEvent
from proxy.errors import CertificateUnusable, StartError
from proxy.tokens.clock import Clock
from proxy.tokens.polling import Polling


class Certificate:
    """Holds the `context` by which TLS is spoken with clients that connect now; those there are keep what they have.

    The content of the files is compared: an orchestrator may swap a link. Raises StartError.
    """

    def __init__(self, files: Certificates, clock: Clock, tell: Callable[[TlsEvent], None]) -> None:
        self._files = files
        self._tell = tell
        self._polling = Polling(clock, files.poll, self._read)
        self._fault = ""  # what was wrong at the last look
        self._said = False
        try:
            self._seen: Contents = files.read()
            self.context: ssl.SSLContext = files.context()
        except CertificateUnusable as error:
            raise StartError(f"server.tls.{error.key}: {error}") from None

    @property
    def asks_clients(self) -> bool:
        """Whether a client needs a certificate of its own."""
        return self._files.client_ca is not None

    def start(self) -> None:
        """Look at the files from now on, until `close`."""
        self._polling.start()

    def look(self) -> None:
        """Look at the files now."""
        self._polling.looking.begin(self._read)

    async def close(self) -> None:
        """Look no more, and leave no task behind."""
        await self._polling.close()

    async def _read(self) -> None:
        try:
            contents = await asyncio.to_thread(self._files.read)
            if contents != self._seen:
                self.context = await asyncio.to_thread(self._files.context)
                self._seen = contents
                self._tell(CertificateChanged(str(self._files.cert)))
        except CertificateUnusable as error:
            self._unusable(str(error))
        else:
            self._fault = ""

    def _unusable(self, fault: str) -> None:
        """Say once what is wrong, if it still is at the second look: files are not replaced all at the same time."""
        if fault != self._fault:
            self._fault, self._said = fault, False
        elif not self._said:
            self._said = True
            self._tell(CertificateKept(fault))
