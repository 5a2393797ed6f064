"""Every mistake is said at once, with its place, what is wrong and what was expected; never with a secret."""

from pathlib import Path

import pytest

from proxy.config import load
from proxy.errors import ConfigError

GOOD = """\
[credentials.main]
apikey = "key"
secretkey = "hunter2-hunter2"

[[routes]]
upstream = "https://platform.example"
"""


def mistakes(tmp_path: Path, text: str, **environ: str) -> list[str]:
    """Return the mistakes in a file, with its name shortened."""
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as failed:
        load(str(file), environ)
    return [mistake.replace(str(file), "F").replace(str(tmp_path), "DIR") for mistake in failed.value.mistakes]


SECRET_FORMS = 'is not a secret; expected a string, { env = "NAME" }, { file = "PATH" } or { command = ["…"] }'
DURATION = 'is not a duration; expected for example "250ms", "5s" or "1h"'
SIZE = 'is not a size; expected for example "64KiB", "1MiB" or "0"'
COUNT = "is not a count; expected a whole number from 1"
ADDRESS = 'expected "HOST:PORT", "[::1]:PORT" or "unix:/path"'
URL = "expected a URL such as https://my-project.eu.dataplatform.ovh.net"
PATH = 'is not a path; expected one that begins with "/", without query or spaces'
HOST_NAMES = 'expected names such as "gateway.example.com", without port'
ORIGIN = 'expected an origin such as "https://app.example" or "http://localhost:3000"'
STORE = 'is no store; expected "memory", "file:PATH", "redis://HOST:PORT/DB" or "rediss://…"'
REDIS = "is no URL of a Redis; expected redis://USER:PASSWORD@HOST:PORT/DB, or rediss:// with TLS"
NO_FILE = "names a file that is not there; a relative path begins at DIR"
PARAMETERS = "has other parameters than ssl_ca_certs, ssl_certfile, ssl_keyfile, which go with rediss://"
NO_SOCKET = (
    'is no Unix socket; expected "unix:/path": who can connect is handed tokens, and only a file has a mode that keeps '
    "others out"
)
PROCESSES = 'is no number of processes; expected 1 to 256, or "auto"'

# What stands behind GOOD (from line 8 on), and what is said of it.
BEHIND = {
    "[sever]": "F:8: sever: unknown table; did you mean server?",
    "[server]\nlisten = 8080": f"F:9: server.listen: is not an address; {ADDRESS}",
    '[server]\nlisten = "localhost"': f"F:9: server.listen: is not an address; {ADDRESS}",
    '[server]\nlisten = "127.0.0.1:99999"': f"F:9: server.listen: is not an address; {ADDRESS}",
    '[server]\nlisten = ":8080"': 'F:9: server.listen: names no host; "127.0.0.1:8080" is this machine alone, '
    '"0.0.0.0:8080" all',
    "[server]\nlisten = []": "F:9: server.listen: is empty; expected at least one address",
    '[server]\nlisten = "unix:"': f"F:9: server.listen: names no socket; {ADDRESS}",
    '[server]\nlisten = "0.0.0.0:80"': "F:9: server.listen: 0.0.0.0:80 is reached from beyond this machine; write "
    'access.allow = ["private"], "any" or networks to say who may use the gateway',
    '[server]\ndrain_timeout = "soon"': f"F:9: server.drain_timeout: {DURATION}",
    "[server]\ndrain_timeout = 30": f"F:9: server.drain_timeout: {DURATION}",
    '[server]\ndrain_timeout = "0s"': "F:9: server.drain_timeout: must be longer than nothing",
    '[server]\ndrian_timeout = "5s"': "F:9: server.drian_timeout: unknown key; did you mean drain_timeout?",
    "[server]\nxyzzy = 1": "F:9: server.xyzzy: unknown key",
    "[server]\nworkers = 0": f"F:9: server.workers: {PROCESSES}",
    '[server]\nworkers = "all"': f"F:9: server.workers: {PROCESSES}",
    "[server]\nworkers = true": f"F:9: server.workers: {PROCESSES}",
    '[server]\ntls = { cert = "c" }': "F:9: server.tls.key: missing",
    '[server]\ntls = { cert = "c", key = "k", ca = "a" }': "F:9: server.tls.ca: unknown key",
    '[server]\ntls = "cert.pem"': "F:9: server.tls: is not a table",
    '[admin]\nlisten = "0.0.0.0:9"': "F:9: admin.listen: 0.0.0.0:9 is reached from beyond this machine; write "
    'admin.allow = ["private"], "any" or networks to say who may ask',
    '[admin]\nlisten = "0.0.0.0:9"\nallow = ["loopback", "127.0.0.0/16"]\nkey = "hunter2"': "F:9: admin.listen: "
    '0.0.0.0:9 is reached from beyond this machine; write admin.allow = ["private"], "any" or networks to say who may ask',
    '[admin]\nallow = "private"': 'F:9: admin.allow: is not a list of networks; expected "loopback", "private", "any" or '
    'networks such as "10.0.0.0/8"',
    '[admin]\nkey = ["hunter2"]': f"F:9: admin.key: {SECRET_FORMS}",
    '[admin]\nkey = "hunter2 "': "F:9: admin.key: begins or ends with a space, which no field can carry",
    '[admin]\nkey = { file = "no.key" }': f"F:9: admin.key: {NO_FILE}",
    '[admin]\ninspector = true\nlisten = ""': "F:9: admin.inspector: has no place to be seen at: admin.listen is empty; "
    "expected an address there",
    "[server]\nworkers = 2\n[admin]\ninspector = true": "F:11: admin.inspector: sees the traffic of one process; expected "
    "server.workers = 1",
    '[admin]\ninspector = "yes"': "F:9: admin.inspector: is not a truth value; expected true or false",
    '[access]\nallow = "any"': 'F:9: access.allow: is not a list of networks; expected "loopback", "private", "any" or '
    'networks such as "10.0.0.0/8"',
    '[access]\nallow = ["everybody"]': 'F:9: access.allow: its entry 1 is no network; expected "loopback", '
    '"private", "any" or networks such as "10.0.0.0/8"',
    '[access]\nallowed_hosts = "x.example"': f"F:9: access.allowed_hosts: is not a list of names; {HOST_NAMES}",
    '[access]\nallowed_hosts = ["*.x.example"]': f"F:9: access.allowed_hosts: its entry 1 is a pattern; {HOST_NAMES}",
    '[access]\nallowed_hosts = ["x.example:80"]': "F:9: access.allowed_hosts: its entry 1 is no host name; "
    f"{HOST_NAMES}",
    '[access]\nallowed_hosts = ["10.0.0.1"]': "F:9: access.allowed_hosts: its entry 1 is answered in any case; "
    f"{HOST_NAMES}",
    '[access]\nallowed_hosts = ["gateway"]': "F:9: access.allowed_hosts: its entry 1 is answered in any case; "
    f"{HOST_NAMES}",
    '[access]\ncors_origins = "*"': f"F:9: access.cors_origins: is not a list; {ORIGIN}",
    '[access]\ncors_origins = ["*"]': f"F:9: access.cors_origins: its entry 1 would let pages of any site in; {ORIGIN}",
    '[access]\ncors_origins = ["null"]': f"F:9: access.cors_origins: its entry 1 would let pages of any site in; {ORIGIN}",
    '[access]\ncors_origins = ["https://*.x.example"]': "F:9: access.cors_origins: its entry 1 would let "
    f"pages of any site in; {ORIGIN}",
    '[access]\ncors_origins = ["https://x.example/"]': f"F:9: access.cors_origins: its entry 1 is no origin; {ORIGIN}",
    '[access]\ncors_origins = ["x.example"]': f"F:9: access.cors_origins: its entry 1 is no origin; {ORIGIN}",
    '[access]\ncors_origins = ["https://u@x.example"]': f"F:9: access.cors_origins: its entry 1 is no origin; {ORIGIN}",
    '[access]\ncors_origins = ["http://x:99999"]': f"F:9: access.cors_origins: its entry 1 is no origin; {ORIGIN}",
    "[access]\nclient_keys = { cron = 5 }": f"F:9: access.client_keys.cron: {SECRET_FORMS}",
    '[access]\nclient_keys = { cron = "" }': "F:9: access.client_keys.cron: the secret is empty",
    '[access]\nclient_keys = { cron = " hunter2" }': "F:9: access.client_keys.cron: begins or ends with a space, which "
    "no field can carry",
    '[access]\nclient_keys = { "a b" = "hunter2" }': "F:9: access.client_keys.a b: is no name for the log; expected "
    "letters, digits, dots, hyphens and underscores",
    '[access]\nclient_keys = { cron = "hunter2", excel = "hunter2" }': "F:9: access.client_keys.excel: is the key of cron "
    "as well; expected one of its own",
    '[access]\nclient_keys = ["hunter2"]': "F:9: access.client_keys: is not a table",
    '[access]\nclient_key = { file = "no.key" }': f"F:9: access.client_key: {NO_FILE}",
    '[access]\nclient_key = "hunter2"\nclient_keys = { default = "x" }': "F:9: access.client_key: client_keys has one "
    'named "default" as well; expected one of the two',
    '[access]\ntrusted_proxies = ["any"]': "F:9: access.trusted_proxies: would believe everybody; expected the networks "
    "of your own proxies",
    '[access]\ntrusted_proxies = ["proxy.example"]': "F:9: access.trusted_proxies: its entry 1 is no network; "
    'expected "loopback", "private", "any" or networks such as "10.0.0.0/8"',
    '[limits]\nreplay_buffer = "1 mile"': f"F:9: limits.replay_buffer: {SIZE}",
    "[limits]\nmax_header_size = 1024": f"F:9: limits.max_header_size: {SIZE}",
    "[limits]\nmax_in_flight = 0": f"F:9: limits.max_in_flight: {COUNT}",
    "[limits]\nmax_origin_connections = true": f"F:9: limits.max_origin_connections: {COUNT}",
    "[limits]\nmax_body_size = 0": f"F:9: limits.max_body_size: {SIZE}",
    "[limits]\nmax_connections = 0": f"F:9: limits.max_connections: {COUNT}",
    '[timeouts]\nconnect = "5 minutes"': f"F:9: timeouts.connect: {DURATION}",
    '[timeouts]\nconect = "5s"': "F:9: timeouts.conect: unknown key; did you mean connect?",
    '[tokens]\nstore = "disk"': f"F:9: tokens.store: {STORE}",
    "[tokens]\nstore = 5": f"F:9: tokens.store: {STORE}",
    '[tokens]\nstore = "file:"': f"F:9: tokens.store: {STORE}",
    '[tokens]\nstore = "redis://:hunter2@"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "redis://:hunter2@x:99999"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "redis://:hunter2@x:0"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "redis://:hunter#2@x"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "redis://:hunter2@x/main"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "redis://:hunter2@[::1"': f"F:9: tokens.store: {REDIS}",
    '[tokens]\nstore = "rediss://:hunter2@x?ssl_cert_reqs=none"': f"F:9: tokens.store: {PARAMETERS}",
    '[tokens]\nstore = "redis://:hunter2@x?ssl_ca_certs=ca.pem"': f"F:9: tokens.store: {PARAMETERS}",
    '[tokens]\nlisten = "127.0.0.1:9000"': f"F:9: tokens.listen: {NO_SOCKET}",
    '[tokens]\nlisten = "unix:"': f"F:9: tokens.listen: {NO_SOCKET}",
    "[tokens]\nlisten = 9000": f"F:9: tokens.listen: {NO_SOCKET}",
    '[log]\nformat = "xml"': "F:9: log.format: is unknown; expected 'auto', 'console', 'json'",
    '[log]\nlevel = "loud"': "F:9: log.level: is unknown; expected 'debug', 'info', 'warning', 'error'",
    '[log]\naccess = "yes"': "F:9: log.access: is not a truth value; expected true or false",
    "[log]\nsample = 1.5": "F:9: log.sample: is not a share; expected a number from 0 to 1",
    '[log]\nsample = "10%"': "F:9: log.sample: is not a share; expected a number from 0 to 1",
    "[log]\nsample = true": "F:9: log.sample: is not a share; expected a number from 0 to 1",
    '[[routes]]\nupstream = "https://x"': "F:8: routes[1].path: is that of routes[0] already; expected another",
    '[[routes]]\npath = "/x"': "F:8: routes[1].upstream: missing",
    '[[routes]]\npath = "x"\nupstream = "https://x"': f"F:9: routes[1].path: {PATH}",
    '[[routes]]\npath = "/x?y"\nupstream = "https://x"': f"F:9: routes[1].path: {PATH}",
    '[[routes]]\npath = "/x/../y"\nupstream = "https://x"': "F:9: routes[1].path: has dot segments, escapes "
    "or doubled slashes; expected it in its plain form",
    '[[routes]]\npath = "/x"\nupstream = "ftp://x"': f"F:10: routes[1].upstream: is not an http or https URL; {URL}",
    '[[routes]]\npath = "/x"\nupstream = "platform"': f"F:10: routes[1].upstream: is not an http or https URL; {URL}",
    '[[routes]]\npath = "/x"\nupstream = "https://u:hunter2@x"': "F:10: routes[1].upstream: carries a user or a "
    "password; keys belong into [credentials]",
    '[[routes]]\npath = "/x"\nupstream = "u:hunter2@x"': "F:10: routes[1].upstream: carries a user or a password; keys "
    "belong into [credentials]",
    '[[routes]]\npath = "/x"\nupstream = "https:/u:hunter2@x"': "F:10: routes[1].upstream: carries a user or a password; "
    "keys belong into [credentials]",
    '[[routes]]\npath = "/x"\nupstream = "https://x/a/%2e%2e/b"': "F:10: routes[1].upstream: has dot segments beside "
    "escapes or doubled slashes; expected a plain path",
    '[[routes]]\npath = "/x"\nupstream = "https://x?token=hunter2"': "F:10: routes[1].upstream: has a query; expected a "
    "base URL such as https://my-project.eu.dataplatform.ovh.net",
    '[[routes]]\npath = "/x"\nupstream = "http://platform.example"': "F:10: routes[1].upstream: "
    "would carry the credential over plain http; use https, or write insecure = true",
    '[[routes]]\npath = "/x"\nupstream = "http://platform.localhost"': "F:10: routes[1].upstream: "
    "would carry the credential over plain http; use https, or write insecure = true",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ncredential = "mian"': "F:11: routes[1].credential: names no "
    'credential; expected main or "none"',
    '[[routes]]\npath = "/x"\nupstream = "https://x"\nmethods = "GET"': "F:11: routes[1].methods: is not a list of "
    'methods; expected for example ["GET", "POST"]',
    '[[routes]]\npath = "/x"\nupstream = "https://x"\nvia = 1': "F:11: routes[1].via: is not a truth value; expected "
    "true or false",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ntimeouts = { idle = 3 }': f"F:11: routes[1].timeouts.idle: {DURATION}",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ntimeouts = { idel = "3s" }': "F:11: routes[1].timeouts.idel: "
    "unknown key; did you mean idle?",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\nclient_authorization = "maybe"': "F:11: "
    "routes[1].client_authorization: is unknown; expected 'replace', 'keep', 'reject'",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ninject = { header = "Host" }': "F:11: routes[1].inject: "
    "cannot carry a credential; expected the name of a field of its own",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ninject = { header = "X-Key", template = "token" }': "F:11: "
    'routes[1].inject: has a template without {token}, or no ASCII; expected for example "Bearer {token}"',
    '[[routes]]\npath = "/x"\nupstream = "https://x"\ninject = { query = "a", cookie = "b" }': "F:11: "
    'routes[1].inject: is no place for a credential; expected { header = "…", template = "… {token}" }, '
    '{ query = "…" } or { cookie = "…" }',
    '[[routes]]\npath = "/x"\nupstream = "https://x"\nscrub = "yes"': "F:11: routes[1].scrub: is not a truth value; "
    "expected true or false",
    '[[routes]]\npath = "/x"\nupstream = "https://x"\nscrub = true\ncredential = "none"': "F:11: routes[1].scrub: has "
    'nothing to hide on a route with credential = "none"',
    '[credentials.b]\napikey = 5\nsecretkey = "x"': f"F:9: credentials.b.apikey: {SECRET_FORMS}",
    '[credentials.b]\napikey = { env = 3 }\nsecretkey = "x"': f"F:9: credentials.b.apikey: {SECRET_FORMS}",
    '[credentials.b]\napikey = { evn = "hunter2" }\nsecretkey = "x"': f"F:9: credentials.b.apikey: {SECRET_FORMS}",
    '[credentials.b]\napikey = ""\nsecretkey = "x"': "F:9: credentials.b.apikey: the secret is empty",
    '[credentials.b]\napikey = "hunter2\\n2"\nsecretkey = "x"': "F:9: credentials.b.apikey: the secret holds control "
    "characters, perhaps several lines",
    '[credentials.b]\napikey = { env = "NO_SUCH" }\nsecretkey = "x"': "F:9: credentials.b.apikey: the environment "
    "variable NO_SUCH is not set",
    '[credentials.b]\napikey = { file = "no.key" }\nsecretkey = "x"': f"F:9: credentials.b.apikey: {NO_FILE}",
    '[credentials.b]\napikey = { command = ["false"] }\nsecretkey = "x"': "F:9: credentials.b.apikey: the command false "
    "ended with status 1",
    '[credentials.b]\napikey = { command = ["no-such-command"] }\nsecretkey = "x"': "F:9: credentials.b.apikey: names "
    "a command that is not there",
    '[credentials.b]\napikey = "x"\nsecretkey = "x"\nlogin_url = "x"': f"F:11: credentials.b.login_url: is not an "
    f"http or https URL; {URL}",
}


@pytest.mark.parametrize(("text", "line"), BEHIND.items(), ids=lambda value: value[:40])
def test_each_mistake_has_its_line(text: str, line: str, tmp_path: Path) -> None:
    """One line for one mistake, with file, line, key, what is wrong and what was expected."""
    said = mistakes(tmp_path, f"{GOOD}\n{text}\n")
    assert line in said
    assert not any("hunter2" in each for each in said)


def test_every_mistake_is_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Nobody has to start the gateway five times to find five mistakes."""
    text = (
        "[server]\nlisten = 1\n[log]\nlevel = 2\n[credentials.a]\napikey = 3\nsecretkey = 4\n[[routes]]\nupstream = 5\n"
    )
    said = mistakes(tmp_path, text)
    assert [each.split(":")[1] for each in said] == ["2", "4", "6", "7", "9"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = ", "F:1: Invalid value"),
        ("[server\n", "F:1: Expected ']' at the end of a table declaration"),
        ("\n\nx = 1\nx = 2\n", "F:4: Cannot overwrite a value"),
        ("[hunter2]\n[hunter2]\n", "F:2: Cannot declare … twice"),
    ],
)
def test_a_file_that_is_no_toml(text: str, line: str, tmp_path: Path) -> None:
    """One line with the place."""
    assert mistakes(tmp_path, text) == [line]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, or no UTF-8: one line, no traceback."""
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    for name, words in (("none.toml", "No such file"), (".", "Is a directory"), ("latin.toml", "is not UTF-8")):
        with pytest.raises(ConfigError, match=words) as failed:
            load(str(tmp_path / name), {})
        assert len(failed.value.mistakes) == 1


def test_nothing_to_do(tmp_path: Path) -> None:
    """Without a route the line says both ways to write one."""
    said = mistakes(tmp_path, "")
    assert len(said) == 1
    assert "[[routes]]" in said[0]
    assert "IAM_PROXY_UPSTREAM" in said[0]


def test_tables_that_are_none(tmp_path: Path) -> None:
    """A value where a table belongs is said, whatever the value."""
    said = mistakes(tmp_path, "server = 1\nroutes = 2\ncredentials = 3\n")
    assert "F:1: server: is not a table" in said
    assert "F:2: routes: is not an array of tables; expected [[routes]]" in said
    assert "F:3: credentials: is not a table; expected [credentials.NAME]" in said


def test_several_credentials_and_a_route_that_names_none(tmp_path: Path) -> None:
    """The gateway does not guess which keys go where."""
    text = GOOD + '[credentials.b]\napikey = "x"\nsecretkey = "y"\n'
    assert 'F:5: routes[0].credential: missing; expected one of main, b, or "none"' in mistakes(tmp_path, text)


def test_keys_over_plain_http(tmp_path: Path) -> None:
    """A login beyond loopback wants https as well."""
    text = GOOD.replace('"key"', '"key"\nlogin_url = "http://iam.example/login"')
    assert mistakes(tmp_path, text) == [
        "F:3: credentials.main.login_url: would send the keys over plain http; use https, "
        "or write insecure = true at the route"
    ]
