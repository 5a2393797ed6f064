"""Everything that can go wrong, as one tree.

GatewayError                      an answer that the gateway makes itself
├── LoginError                    no live token, and the login does not give one
│   ├── LoginRejected             the platform refused the keys
│   └── LoginUnavailable          unreachable, erring, malformed or backing off
├── OriginError                   the origin, or the way to it
│   ├── ConnectionRefused
│   ├── ConnectionFailed          no connection within the time, or no way there
│   │   ├── Unroutable
│   │   └── EgressFailed          the proxy on the way out is not reached, or opens none
│   ├── TlsFailed
│   ├── DnsFailed
│   ├── ConnectionTerminated      closed before a full header section
│   ├── BadUpstream               malformed or ambiguous answer
│   │   └── CodedAnswer           one that a route with `scrub` cannot look through
│   └── UpstreamTimeout
└── RequestRefused                the request is not forwarded
    ├── BadRequest
    │   ├── CredentialNotTaken    one of the caller's own, where a route takes none
    │   ├── HeaderTooLarge
    │   ├── BodyTooLarge
    │   └── RequestTimeout
    ├── HostNotAllowed
    │   └── HostUnserved          to a request that takes the gateway for its proxy
    ├── ClientNotAllowed
    ├── ClientKeyRequired
    │   └── ProxyKeyRequired      to a request that takes the gateway for its proxy
    ├── CrossSite
    ├── LoopDetected
    ├── MethodNotAllowed
    │   └── NoTunnel              to CONNECT
    ├── PathDenied
    ├── SignedRequest
    ├── NoRoute
    └── Overloaded
ConfigError                       the configuration, with every mistake in it
StartError                        the gateway could not start
SecretUnavailable                 a secret's file, variable or command gave none
StoreError                        the shared token store is of no use now
└── StoreDamaged                  what it holds is not ours
CertificateUnusable               a file of the gateway's own certificate is missing or not what it is to be

Each GatewayError carries what its answer needs: the status, the code of our own vocabulary, the error type of
RFC 9209 §2.3, and for people what happened (`title`, `detail`), whose fault it is (`fault`) and what to do (`action`).
These are written for the caller, and none holds the cause; `cause` is for the log.

gateway.py    what all of them have
platform.py   LoginError, OriginError
caller.py     RequestRefused
inside.py     what is no answer
"""

from proxy.errors.caller import (
    BadRequest,
    BodyTooLarge,
    ClientKeyRequired,
    ClientNotAllowed,
    CredentialNotTaken,
    CrossSite,
    HeaderTooLarge,
    HostNotAllowed,
    HostUnserved,
    LoopDetected,
    MethodNotAllowed,
    NoRoute,
    NoTunnel,
    Overloaded,
    PathDenied,
    ProxyKeyRequired,
    RequestRefused,
    RequestTimeout,
    SignedRequest,
)
from proxy.errors.gateway import (
    Fault,
    GatewayError,
    InternalError,
)
from proxy.errors.inside import (
    CertificateUnusable,
    ConfigError,
    SecretUnavailable,
    StartError,
    StoreDamaged,
    StoreError,
)
from proxy.errors.platform import (
    BadUpstream,
    CodedAnswer,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionTerminated,
    DnsFailed,
    EgressFailed,
    LoginError,
    LoginRejected,
    LoginUnavailable,
    OriginError,
    TlsCertificateFailed,
    TlsFailed,
    Unroutable,
    UpstreamTimeout,
)

__all__ = [
    "BadRequest",
    "BadUpstream",
    "BodyTooLarge",
    "CertificateUnusable",
    "ClientKeyRequired",
    "ClientNotAllowed",
    "CodedAnswer",
    "ConfigError",
    "ConnectionFailed",
    "ConnectionRefused",
    "ConnectionTerminated",
    "CredentialNotTaken",
    "CrossSite",
    "DnsFailed",
    "EgressFailed",
    "Fault",
    "GatewayError",
    "HeaderTooLarge",
    "HostNotAllowed",
    "HostUnserved",
    "InternalError",
    "LoginError",
    "LoginRejected",
    "LoginUnavailable",
    "LoopDetected",
    "MethodNotAllowed",
    "NoRoute",
    "NoTunnel",
    "OriginError",
    "Overloaded",
    "PathDenied",
    "ProxyKeyRequired",
    "RequestRefused",
    "RequestTimeout",
    "SecretUnavailable",
    "SignedRequest",
    "StartError",
    "StoreDamaged",
    "StoreError",
    "TlsCertificateFailed",
    "TlsFailed",
    "Unroutable",
    "UpstreamTimeout",
]
