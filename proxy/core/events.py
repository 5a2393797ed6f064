"""What the gateway tells its observers (log, metrics, demo): facts, never a secret or a token."""

from dataclasses import dataclass


@dataclass(slots=True)
class Finished:
    """An exchange that has ended.

    `status` is 0 where no answer was sent (the client left first). `code` is that of our own answer, or of the error
    that cut an answer of the origin short; `cause` is for the log alone. `received` and `sent` count body bytes as
    they crossed the client's connection, `attempts` how often the request was sent to the origin, `duration` is in
    seconds. `replay` is None, or how the replay ended: "accepted", "refused", "failed" or "impossible". `peer` is the
    client's address, `proxy` that of the trusted proxy that has told it, if one has. `client` is the name of the key
    that the client has sent, else whom its certificate names. `outlived`: the answer was still under way when the token
    that it was asked with expired.
    """

    route: str
    method: str
    target: bytes
    peer: str
    request_id: str = ""
    status: int = 0
    code: str | None = None
    cause: str = ""
    received: int = 0
    sent: int = 0
    attempts: int = 0
    duration: float = 0.0
    credential: str | None = None
    replay: str | None = None
    client: str | None = None
    proxy: str | None = None
    cut: bool = False
    outlived: bool = False
