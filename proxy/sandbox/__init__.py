"""The bundled platform: a believable Data Platform for demos and tests. It imports nothing of the gateway.

platform.py   the platform: state, start, close
sessions.py   tokens and how long they live
login.py      trading keys for a token, logging out
guard.py      who may ask, and the faults that are switched on
faults.py     the faults, and reading them from JSON
endpoints.py  queries, actions, configurations, what arrived
streams.py    uploads, downloads, events, WebSocket
control.py    `/_sandbox/…`: faults, state, revocation
"""

from proxy.sandbox.events import LoggedIn, Refused, Served
from proxy.sandbox.faults import Fault, Faults
from proxy.sandbox.platform import Sandbox

__all__ = ["Fault", "Faults", "LoggedIn", "Refused", "Sandbox", "Served"]
