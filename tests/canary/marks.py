"""Secrets and tokens that can be recognised, with all in them that encoders like to change."""

import json

from tests.canary.search import halves

SECRETS = {
    "apikey": "canary-A-9f31/k+e=y0c7e55d1",
    "secretkey": 'canary-S-7b8d/"s&<e>c\\r=e+t:2244',
    "client_secret": "canary-C-51ee/o+a=u&t'h 0a47c2",
    "password": "canary-P-c3d9/r+e=c~i{p}e19f0b6",
    "body": "canary-J-04aa/j+s=o[n]e7d2f1c8",
    "header": "canary-H-8e6c/h+e=a<d>e2b59a3f",
    "static": "canary-T-d7f2/s+t=a&t'i8c61b0e",
    "basic": "canary-B-62c8/b+a=s;i@c#f1d3a7",
    "client_key": "canary-K-f0b4/c+l=i,e n-t5e92d",
    "file_key": "canary-F-27bd/f+i=l&e'k<ey>1a94c0",
    "redis": "canary-R-3a1d_r~e-d.i.s9c48f7b",
    "refused": "canary-X-b5e7/w+r=o^n|g60d2c9a",
}
# Each login gives out another, by the name of who logs in.
TOKENS = {
    "apikey": "canary-tA-1e8d/+=&'~{}07b3f29c",
    "oauth2": "canary-tO-2f9e/+=&'~<>18c4a3ad",
    "recipe": "canary-tR-3a0f/+=^|~[]29d5b4be",
    "cookie": "canary-tK-4b1a_+~|^.!-3ae6c5cf",
}
# What a route with `scrub` hides, by its credential.
HIDDEN = {
    "apikey": (SECRETS["apikey"], SECRETS["secretkey"], TOKENS["apikey"]),
    "oauth2": (SECRETS["client_secret"], SECRETS["body"], TOKENS["oauth2"]),
    "recipe": (SECRETS["body"], SECRETS["header"], SECRETS["password"], TOKENS["recipe"]),
    "cookie": (SECRETS["password"], TOKENS["cookie"]),
    "static": (SECRETS["static"],),
    "basic": (SECRETS["basic"],),
}
# What must not be found in anything that a gateway says; both halves of each, for half of one is as bad.
CANARIES = tuple(half for canary in (*SECRETS.values(), *TOKENS.values()) for half in halves(canary))


def toml(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text)


def told() -> bytes:
    """Return all secrets and first tokens as they are: what an origin says that wants to do harm."""
    return " ".join((*SECRETS.values(), *(f"{token}.1" for token in TOKENS.values()))).encode()
