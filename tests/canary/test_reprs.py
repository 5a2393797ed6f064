"""No object that holds a secret shows it, by its repr or as text; nor does an exception that it is put into."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.app import App
from proxy.config import load
from proxy.config.settings import Config
from proxy.core.held import Held
from proxy.core.identity import identity
from proxy.core.injection import Injection, Place
from proxy.core.keys import Keys
from proxy.core.login_recipe import LoginRecipe
from proxy.core.logout import Logout, PlatformLogout, Revocation, SessionEnd
from proxy.core.needles import needles
from proxy.core.note import noted
from proxy.core.recipe import Grant, LoginAnswer, Recipe
from proxy.core.scrub import Scrub, Scrubbed
from proxy.core.secret import Secret
from proxy.core.store import StoreServer
from proxy.core.token import Token
from proxy.errors import LoginError
from proxy.tokens.seal import Seal
from proxy.tokens.store import Kept, opened
from proxy.tokens.store.file import Entry
from proxy.wire.answer import Answer
from proxy.wire.body import LENGTH, Body
from proxy.wire.request import Request
from tests.canary.marks import CANARIES, SECRETS, TOKENS
from tests.canary.platform import failures, logged_in
from tests.canary.scene import ENVIRONMENT, configuration
from tests.canary.search import Search
from tests.test_app import Seen

SEARCH = Search(CANARIES)
TOKEN = TOKENS["apikey"]
FIELD = f"Bearer {TOKEN}"


def configured(folder: Path, store: str = "memory") -> Config:
    """Return the configuration of the canary run."""
    return load(str(configuration(folder, log="json", store=store, port=1, full=1, tls=1)), ENVIRONMENT)


def shown(value: object) -> bytes:
    """Return an object as a log line, a traceback or a debugger shows it."""
    ways = (repr(value), str(value), f"{value!s:.9999}", repr([value]), repr({"x": value}), repr(ValueError(value)))
    return "\n".join(ways).encode()


def within(value: object) -> Iterator[object]:
    """Yield a value and all that it is made of, save texts and what they stand in: whoever holds them shows none."""
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        yield value
    parts: Iterator[object] = iter(())
    if dataclasses.is_dataclass(value):
        parts = (getattr(value, each.name) for each in dataclasses.fields(value))
    elif isinstance(value, Mapping):
        parts = iter(value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        parts = iter(value)
    for part in parts:
        if not isinstance(part, str | bytes):
            yield from within(part)


def of_a_login(recipe: Recipe) -> Iterator[object]:
    """Yield what there is on the way to a token, and from it to its end."""
    secrets = {name: source.read() for name, source in recipe.sources.items()}
    who = identity((recipe.request(secrets),), secrets)
    yield from (recipe, secrets, recipe.request(secrets), who, Seal(who.key))
    yield from (LoginAnswer(200, (("Set-Cookie", f"SID={TOKEN}"),), logged_in(TOKEN)), Grant(TOKEN, 5.0))
    ends: list[Logout] = [PlatformLogout("https://x/out", "app"), SessionEnd("https://x/out", Injection())]
    ends.append(SessionEnd("https://x/out", Injection(Place.QUERY, b"x", b"")))
    if isinstance(recipe, LoginRecipe):
        ends.append(Revocation("https://x/out", recipe))
    for end in ends:
        yield from (end, end.request(TOKEN, secrets))


def test_a_configuration_and_all_that_is_made_of_it(tmp_path: Path) -> None:
    """Every kind of credential with its secrets, as they are and as they are sent; stores and keys."""
    config = configured(tmp_path, f"redis://:{SECRETS['redis']}@127.0.0.1:1/0")
    objects = list(within(config))
    for credential in config.credentials.values():
        if not isinstance(credential.recipe, Held):
            objects += of_a_login(credential.recipe)
    assert len(objects) > 500
    for each in objects:
        assert SEARCH.hits(shown(each)) == [], type(each)


async def test_a_gateway_and_what_passes_through_it(tmp_path: Path) -> None:
    """Its parts, tokens, notes and needles; requests and answers with tokens in them."""
    app = App(configured(tmp_path), Seen().observers)
    token = Token.issued(TOKEN, 0.0, 60.0, 0.5)
    secrets = [Secret(text) for text in SECRETS.values()]
    keys = Keys()
    keys.set("cron", secrets[0])
    scrub = Scrub(needles(secrets))
    line, control = f"Authorization: {FIELD}\r\n".encode(), {b"authorization": FIELD.encode()}
    body = Body(LENGTH, 1000)
    body.feed(FIELD.encode())
    note = noted(token, 0.0, 0.0)
    objects = [
        *vars(app).values(), *app.ways, *app.sources.values(), token, secrets, keys, scrub, Scrubbed(scrub), body,
        Request((b"GET", b"/", False, 0), b"/?token=" + TOKEN.encode(), b"g", [line], control, body),
        Answer(200, b"OK", False, True, [line], control, body), note, Kept(TOKEN.encode(), 5.0), Entry(TOKEN, 5.0),  # noqa: FBT003  as the wire makes it
        opened(StoreServer(Secret(f"redis://:{SECRETS['redis']}@127.0.0.1:1/0"))),
    ]  # fmt: skip
    for each in objects:
        assert SEARCH.hits(shown(each)) == [], type(each)
    await app.stop()


def answers() -> Iterator[LoginAnswer]:
    """Yield what a login that does harm may answer."""
    for answer in failures(" ".join((*SECRETS.values(), TOKEN)).encode(), TOKEN).values():
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = (line.decode("latin-1").partition(":") for line in head.split(b"\r\n")[1:])
        fields = tuple((name, value.strip()) for name, _, value in lines)
        for status in (200, 401, 500):
            yield LoginAnswer(status, fields, body)


def test_the_exceptions_of_an_answer_that_is_no_token(tmp_path: Path) -> None:
    """Whatever stands in it, and all the exceptions that led to it."""
    failed = 0
    recipes = [credential.recipe for credential in configured(tmp_path).credentials.values()]
    for recipe, answer in itertools.product(recipes, answers()):
        if isinstance(recipe, Held):
            continue
        try:
            recipe.read(answer, 0.0)
        except LoginError as error:
            chain = (error, error.__cause__, error.__context__, error.cause, error.detail, error.args)
            assert SEARCH.hits(b"\n".join(map(shown, chain))) == []
            failed += 1
    assert failed > 500


def test_what_shows_a_secret_is_found() -> None:
    """An object without care for it."""
    assert SEARCH.hits(shown(dataclasses.make_dataclass("Careless", ["token"])(TOKEN))) != []
