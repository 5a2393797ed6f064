"""What every answer has that the gateway makes itself, and the answer to a defect of its own."""

import enum
from http import HTTPStatus
from typing import ClassVar


class Fault(enum.StrEnum):
    """Whose fault it is."""

    CALLER = "caller"
    GATEWAY = "gateway"  # or how it is set up
    PLATFORM = "platform"  # or the way to it


class GatewayError(Exception):
    """An answer that the gateway makes itself."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_GATEWAY
    code: ClassVar[str] = "internal_error"
    proxy_error: ClassVar[str] = "proxy_internal_error"
    fault: ClassVar[Fault] = Fault.GATEWAY
    title: ClassVar[str] = "The gateway failed"
    phrase: ClassVar[str] = ""  # in the status line, in place of the status's own
    detail: str = "Something went wrong inside the gateway; its log has the cause."
    action: str = "Try again. If it happens again, give the request id to whoever runs the gateway."

    def __init__(
        self,
        detail: str | None = None,
        *,
        action: str | None = None,
        cause: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or self.detail)
        if detail is not None:
            self.detail = detail
        if action is not None:
            self.action = action
        self.cause = cause
        self.retry_after = retry_after


class InternalError(GatewayError):
    """A defect of the gateway itself; the log has the cause."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
