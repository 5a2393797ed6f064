"""Whom a client's certificate names."""

from typing import Any

import pytest

from proxy.core.holder import LONGEST, holder

ORGANISATION = ((("organizationName", "trustme v1"),),)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, ""),
        ({}, ""),
        ({"subject": ORGANISATION}, ""),
        ({"subject": (*ORGANISATION, (("commonName", "cron"),))}, "cron"),
        ({"subject": ((("commonName", "cron"),),), "subjectAltName": (("DNS", "a.example"),)}, "cron"),
        ({"subject": ORGANISATION, "subjectAltName": (("DNS", "a.example"), ("DNS", "b.example"))}, "a.example"),
        ({"subject": (), "subjectAltName": (("URI", "spiffe://example/ns/x"),)}, "spiffe://example/ns/x"),
        ({"subjectAltName": (("DirName", ((("commonName", "x"),),)), ("IP Address", "10.0.0.1"))}, "10.0.0.1"),
        ({"subject": ((("commonName", ""),),), "subjectAltName": (("email", "me@example.org"),)}, "me@example.org"),
        ({"subject": ((("commonName", "a\nb\x1b[31m"),),)}, "a?b?[31m"),
        ({"subject": ((("commonName", "ä" * 500),),)}, "ä" * LONGEST),
    ],
)
def test_names(certificate: dict[str, Any] | None, name: str) -> None:
    """The common name, else the first alternative name; what a log cannot show is not in it."""
    assert holder(certificate) == name
