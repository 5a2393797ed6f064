"""What holds with either proxy on the data path; each case takes the stage with that proxy in front."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.fakes.gateway import Answered
from tests.handover.stage import LOGIN_DOWN, Stage

Case = Callable[[Stage], Awaitable[None]]

ECHO = "/echo/a%2Fb//c/[x]?filters[applications]=true&a=%5B"
BODY = b"a body that is sent again" * 100


def fields(answer: Answered) -> dict[str, str]:
    """Return the fields that arrived at the platform."""
    assert answer.status == 200, answer
    return {name.lower(): value for name, value in json.loads(answer.body)["fields"]}


async def the_caller_s_own_is_replaced(stage: Stage) -> None:
    """What he sends as his own credential, as a refused one or as another attempt, does nothing; his target arrives."""
    forged = ("Authorization: Bearer mine", "X-Refused-Credential: Bearer mine", "x-envoy-attempt-count: 7")
    answer = await stage.get(ECHO, *forged)
    token = stage.token
    assert fields(answer)["authorization"] == f"Bearer ****{token[-4:]}"
    assert json.loads(answer.body)["target"] == ECHO
    assert stage.platform.logins == 1


async def a_revoked_token_costs_one_login_and_one_replay(stage: Stage) -> None:
    """The caller sees nothing of it; a job starts once."""
    assert (await stage.get("/qb/query")).status == 200
    stage.platform.revoke_all()
    answer = await stage.post("/dpe/v3/actions/nightly/start", BODY)
    assert (answer.status, json.loads(answer.body)["starts"]) == (200, 1)
    assert (await stage.post("/echo", BODY)).status == 200
    assert stage.platform.logins == 2
    assert stage.platform.requests == 1 + 2 + 1


async def a_burst_with_a_revoked_token_costs_one_login(stage: Stage) -> None:
    """Fifty at once, each replayed; a late refusal costs nothing."""
    assert (await stage.get("/qb/query")).status == 200
    stage.platform.revoke_all()
    answers = await asyncio.gather(*(stage.get(f"/echo/{number}") for number in range(50)))
    assert Counter(answer.status for answer in answers) == {200: 50}
    assert stage.platform.logins == 2


async def a_permanent_401_costs_two_logins_and_arrives_as_it_is(stage: Stage) -> None:
    """The platform's own words, at most two requests for each of the caller's."""
    stage.fail(unauthorized_always=True)
    answers = [await stage.get("/qb/query") for _ in range(20)]
    assert {answer.status for answer in answers} == {401}
    assert {json.loads(answer.body)["error"] for answer in answers} == {"Unauthorized"}
    assert stage.platform.logins == 2
    assert stage.platform.requests <= 40


async def no_token_no_request(stage: Stage) -> None:
    """503 while the gateway is away, and nothing reaches the platform; the token socket back, all is well."""
    assert (await stage.get("/qb/query")).status == 200
    await stage.stop()
    before = stage.platform.requests
    answers = [await stage.get("/qb/query"), await stage.post("/dpe/v3/actions/nightly/start", BODY)]
    assert [answer.status for answer in answers] == [503, 503]
    assert stage.platform.requests == before
    await stage.start()
    assert (await stage.get("/qb/query")).status == 200


async def a_login_that_is_down_is_a_503(stage: Stage) -> None:
    """Not the platform's 401 to a request without a token."""
    await stage.stop()
    stage.fail(login=LOGIN_DOWN)
    await stage.start()
    answer = await stage.get("/qb/query")
    assert answer.status == 503
    assert stage.platform.requests == 0


async def a_login_that_fails_behind_a_refusal_is_a_503(stage: Stage) -> None:
    """The refused token is sent once; its 401 is not the caller's business."""
    assert (await stage.get("/qb/query")).status == 200
    stage.platform.revoke_all()
    stage.fail(login=LOGIN_DOWN)
    assert (await stage.post("/dpe/v3/actions/nightly/start", BODY)).status == 503
    assert (await stage.get("/qb/query")).status == 503
    assert stage.platform.requests == 2


async def the_login_is_not_reachable(stage: Stage) -> None:
    """However its path is spelt; what only begins like it is."""
    for target in ("/iam/login", "/iam/login?x", "/x/../iam/login", "/%69am/login", "/iam//v4/login", "/CAM/Login/"):
        assert (await stage.get(target)).status == 403, target
    assert stage.platform.requests == 0
    assert (await stage.get("/iam/loginx")).status == 404


async def other_answers_pass(stage: Stage) -> None:
    """With their bodies; only a 401 is about the token."""
    for status in (201, 302, 400, 403, 404, 429, 500, 502, 503, 504):
        answer = await stage.get(f"/status/{status}")
        assert (answer.status, json.loads(answer.body)) == (status, {"status": status})
    assert stage.platform.requests == 10
    assert stage.platform.logins == 1


async def events_arrive_as_they_are_sent(stage: Stage) -> None:
    """The first of a stream that does not end is there at once."""
    async with stage.client() as client:
        await client.send(b"GET /events?count=2&interval=3600000 HTTP/1.1\r\nHost: gateway\r\n\r\n")
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"data:" in await client.reader.readuntil(b"\n\n")


async def nothing_is_said_of_tokens(stage: Stage) -> None:
    """The gateway's log holds none, neither one that was handed out nor one that was given back."""
    assert (await stage.get("/qb/query")).status == 200
    first = stage.token
    stage.platform.revoke_all()
    assert (await stage.get("/qb/query")).status == 200
    second = stage.token
    gateway = stage.gateway
    assert gateway is not None
    assert gateway.process.stderr is not None
    gateway.process.terminate()
    log = (await gateway.process.stderr.read()).decode()
    assert '"login succeeded","credential":"main","reason":"refusal"' in log
    assert not [text for text in (first, second, "demo-secret", "demo-key") if text in log]


CASES: tuple[Case, ...] = (
    the_caller_s_own_is_replaced,
    a_revoked_token_costs_one_login_and_one_replay,
    a_burst_with_a_revoked_token_costs_one_login,
    a_permanent_401_costs_two_logins_and_arrives_as_it_is,
    no_token_no_request,
    a_login_that_is_down_is_a_503,
    a_login_that_fails_behind_a_refusal_is_a_503,
    the_login_is_not_reachable,
    other_answers_pass,
    events_arrive_as_they_are_sent,
    nothing_is_said_of_tokens,
)
