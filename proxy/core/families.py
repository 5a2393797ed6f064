"""Every metric there is: its name, what it says, its labels, and how those of several processes become one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

# From a local answer to a long query, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric; `merged` makes one value of those of several processes."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    words: str
    labels: tuple[str, ...] = ()
    merged: Callable[[Sequence[float]], float] = sum


FAMILIES = {
    family.name: family
    for family in (
        # --- requests
        Family(
            "iam_proxy_requests_total",
            "counter",
            "Requests, by status (0: the client left before an answer)",
            ("route", "method", "code"),
        ),
        Family(
            "iam_proxy_request_duration_seconds",
            "histogram",
            "Time from a request's head to the end of its answer",
            ("route",),
        ),
        Family(
            "iam_proxy_errors_total",
            "counter",
            "Requests that the gateway answered itself, or had to cut, by its own code",
            ("code",),
        ),
        Family(
            "iam_proxy_upstream_errors_total",
            "counter",
            "Failures of the origin or of the way to it",
            ("route", "error"),
        ),
        Family(
            "iam_proxy_replays_total",
            "counter",
            "Replays after a refused token, by how they ended",
            ("route", "outcome"),
        ),
        Family(
            "iam_proxy_received_bytes_total", "counter", "Bytes of request bodies, as clients sent them", ("route",)
        ),
        Family("iam_proxy_sent_bytes_total", "counter", "Bytes of answer bodies, as clients got them", ("route",)),
        Family(
            "iam_proxy_streams_outlived_token_total",
            "counter",
            "Answers still under way when the token that they were asked with expired",
            ("route",),
        ),
        Family("iam_proxy_in_flight_requests", "gauge", "Requests under way"),
        Family(
            "iam_proxy_in_flight_requests_limit", "gauge", "limits.max_in_flight: further requests are answered 503"
        ),
        # --- connections
        Family("iam_proxy_client_connections", "gauge", "Connections of clients that are open"),
        Family(
            "iam_proxy_client_connections_limit",
            "gauge",
            "How many are accepted: limits.max_connections, or what files there are for",
        ),
        Family(
            "iam_proxy_origin_connections",
            "gauge",
            "Connections to an origin: active (in use, or being made) and idle",
            ("origin", "state"),
        ),
        Family("iam_proxy_origin_connections_opened_total", "counter", "Connections made to an origin", ("origin",)),
        Family(
            "iam_proxy_origin_connections_reused_total",
            "counter",
            "Times that an idle connection to an origin was used again",
            ("origin",),
        ),
        # --- logins and tokens
        Family("iam_proxy_logins_total", "counter", "Logins, by what became of them", ("credential", "outcome")),
        Family("iam_proxy_login_duration_seconds", "histogram", "Time that logins took"),
        Family("iam_proxy_last_login", "gauge", "1 for what became of the last login", ("credential", "outcome"), max),
        Family("iam_proxy_credential_live", "gauge", "Whether there is a token that can be used", ("credential",), max),
        Family(
            "iam_proxy_token_expiry_timestamp_seconds",
            "gauge",
            "When the token expires; one without an end has none",
            ("credential",),
            max,
        ),
        Family(
            "iam_proxy_token_refreshes_total",
            "counter",
            "Logins that gave a token, by what for",
            ("credential", "reason"),
        ),
        Family(
            "iam_proxy_token_store_errors_total",
            "counter",
            "Times that the shared store was of no use",
            ("credential",),
        ),
        # --- the configuration
        Family("iam_proxy_reloads_total", "counter", "Reloads of the configuration", ("outcome",)),
        Family(
            "iam_proxy_last_reload_refused",
            "gauge",
            "Whether the file has mistakes, so that what it said before is in force",
            (),
            max,
        ),
        # --- the process
        Family(
            "iam_proxy_worker_restarts_total",
            "counter",
            "Workers that ended without being told to, and were replaced (server.workers)",
        ),
        Family(
            "iam_proxy_log_lines_dropped_total",
            "counter",
            "Log lines that could not be written: whoever reads them is too slow, or gone",
        ),
        Family("iam_proxy_build_info", "gauge", "The gateway's version", ("version",), max),
        Family("process_cpu_seconds_total", "counter", "User and system CPU time spent"),
        Family("process_resident_memory_bytes", "gauge", "Resident memory size"),
        Family("process_virtual_memory_bytes", "gauge", "Virtual memory size"),
        Family("process_open_fds", "gauge", "Files that are open"),
        Family("process_max_fds", "gauge", "Files that may be open"),
        Family("process_start_time_seconds", "gauge", "When the process began", (), min),
    )
}
