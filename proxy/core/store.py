"""Where tokens are kept besides memory (`tokens.store`)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.core.secret import Secret


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A file, for the processes of one machine."""

    path: str

    def __str__(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A Redis, for replicas on many machines. Its URL may hold a password; what is shown of it is where it is."""

    url: Secret

    def __str__(self) -> str:
        split = urlsplit(self.url.reveal())
        return f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}"


StorePlace = StoreFile | StoreServer
