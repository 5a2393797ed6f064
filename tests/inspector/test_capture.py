"""Exchanges of a whole gateway as the inspector keeps them, asked for as the page does."""

import asyncio
import gc
import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest

from proxy.inspector.preview import AT_ONCE, EACH, LIMIT, WHOLE
from tests.fakes.process import clean_environment
from tests.inspector.whole import Whole, whole

pytestmark = pytest.mark.usefixtures("loop_factory")

# No token begins with it: what might be the beginning of one is left out where a body is cut.
NO_SECRET = b" "


async def told(it: Whole, path: str) -> Any:  # noqa: ANN401  whatever JSON says
    """Return what the inspector says."""
    async with it.session.get(f"{it.admin}{path}") as answer:
        assert answer.status == 200, path
        return await answer.json()


async def listed(it: Whole, count: int = 1) -> list[list[Any]]:
    """Return the rows of the list, the newest first, once there are so many: a client may hear before the inspector."""
    while True:
        rows: list[list[Any]] = (await told(it, "/inspector/exchanges"))["rows"]
        if len(rows) >= count:
            return rows


async def opened(it: Whole, place: int = 0) -> dict[str, Any]:
    """Return all there is of an exchange."""
    found: dict[str, Any] = await told(it, f"/inspector/exchanges/{(await listed(it))[place][0]}")
    return found


async def test_no_token_and_no_key_is_kept_anywhere() -> None:
    """Not in rows, details, archive or feed, though the origin repeats what it was sent."""
    async with whole() as it:
        await it.get("/echo/a?token=callers-token", Authorization="Bearer callers-own", Cookie="sid=callers-cookie")
        it.platform.revoke_all()
        await it.get("/qb/query")
        await listed(it, 2)
        tokens = [secret.reveal() for source in it.app.sources.values() for secret in source.hidden]
        assert len(tokens) >= 4
        everything = []
        for path in ("/inspector/exchanges", "/inspector/har", *(f"/inspector/exchanges/{n}" for n in (1, 2))):
            async with it.session.get(it.admin + path) as answer:
                everything.append(await answer.text())
        async with it.session.get(f"{it.admin}/inspector/events") as answer:
            everything.append((await answer.content.readuntil(b"\n\n")).decode())
        text = "".join(everything)
    for secret in (*tokens, "callers-token", "callers-own", "callers-cookie"):
        assert secret not in text
    assert "injected by the gateway" in text


async def test_bodies_both_ways() -> None:
    """The beginning of what was sent and of what came, however long; all of it passed on."""
    async with whole() as it:
        assert await it.post("/echo/x", NO_SECRET * 300_000, **{"Content-Type": "text/plain"}) == 200
        found = await opened(it)
    assert found["request"]["body"] == {"cut": True, "fault": "", "size": 65536, "text": " " * 65536}
    assert json.loads(found["answer"]["body"]["text"])["body"]["size"] == 300_000


async def test_a_login_is_put_down_to_one_of_those_that_waited() -> None:
    """Twenty find their token refused; one login, which one of them caused; each waited and was replayed."""
    async with whole() as it:
        await it.get("/qb/query")
        it.platform.revoke_all()
        assert set(await asyncio.gather(*(it.get("/qb/query?again") for _ in range(20)))) == {200}
        rows = [row for row in await listed(it, 21) if "again" in row[3]]
        details = [await told(it, f"/inspector/exchanges/{row[0]}") for row in rows]
    refused = [row for row in rows if row[11] == "accepted"]
    assert refused
    assert [row[10] for row in rows].count("refusal") == 1
    for detail in details:
        stretches = [tuple(phase) for phase in detail["phases"]]
        assert all(start <= end for _, start, end in stretches)
        assert all(one[2] == other[1] for one, other in pairwise(stretches))


async def test_what_the_gateway_answers_itself() -> None:
    """Refusals of a path, of a host and of what was no request, each with its reason."""
    async with whole() as it:
        assert await it.get("/iam/login") == 403
        assert await it.get("/", Host="evil.example") == 421
        reader, writer = await asyncio.open_connection(*it.gateway.removeprefix("http://").split(":"))
        writer.write(b"nonsense\r\n\r\n")
        await reader.read()
        writer.close()
        codes = [row[12] for row in await listed(it, 3)]
        found = await opened(it, 2)
    assert codes == ["bad_request", "host_not_allowed", "path_denied"]
    assert found["answer"]["reason"] == "Forbidden"
    assert found["reasons"][0].startswith("The gateway answered for itself (path_denied)")


async def test_a_client_that_leaves() -> None:
    """Its exchange is kept, with what there was of the answer."""
    async with whole() as it:
        reader, writer = await asyncio.open_connection(*it.gateway.removeprefix("http://").split(":"))
        writer.write(b"GET /events?count=1000&interval=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"data:")
        writer.close()
        rows = await listed(it)
    assert (rows[0][3], rows[0][5]) == ("/events?count=1000&interval=20", 200)


async def test_the_feed_goes_on_where_it_was_left() -> None:
    """By the id of its last event; an id of another gateway counts for nothing; clearing is told."""
    async with whole() as it:
        for _ in range(3):
            await it.get("/qb/query")
        await listed(it, 3)
        boot = (await told(it, "/inspector/exchanges"))["boot"]
        for since, numbers in ((f"{boot}-2", [3]), ("ffffffff-2", [1, 2, 3]), ("", [1, 2, 3])):
            headers = {"Last-Event-ID": since}
            async with it.session.get(f"{it.admin}/inspector/events", headers=headers) as answer:
                event = (await answer.content.readuntil(b"\n\n")).decode()
            data = json.loads(event.partition("data: ")[2])
            assert [row[0] for row in data["rows"]] == numbers
            assert event.startswith(f"id: {boot}-3\n")
        async with it.session.post(f"{it.admin}/inspector/clear") as answer:
            assert answer.status == 200
        assert await listed(it, 0) == []


async def test_a_request_of_the_page_goes_through_the_gateway() -> None:
    """With its rules, keys of callers among them; what is no request is refused before it is sent."""
    async with whole(IAM_PROXY__ACCESS__CLIENT_KEY="hunter2-hunter2") as it:

        async def send(**order: object) -> tuple[int, dict[str, Any]]:
            async with it.session.post(f"{it.admin}/inspector/replay", json=order) as answer:
                return answer.status, await answer.json()

        assert (await told(it, "/inspector/exchanges"))["wants_key"] is True
        assert (await send(method="GET", target="/qb/query"))[1]["status"] == 401
        status, came = await send(
            method="POST",
            target="/echo/x",
            fields=[["X-A", "1"], ["Content-Length", "9"]],
            body="hé",
            key="hunter2-hunter2",
        )
        assert (status, came["status"]) == (200, 200)
        await listed(it, 2)
        found = await opened(it)
        assert found["row"][14] == came["request_id"]
        assert found["request"]["body"]["text"] == "hé"
        assert "hunter2" not in json.dumps(found)
        for order in (
            {"method": "GET", "target": "/a b"},
            {"method": "GET", "target": "ftp://evil/"},
            {"method": "GET", "target": "http:///x"},
            {"method": "GE T", "target": "/"},
            {"method": "GET", "target": "/", "fields": [["A", "x\r\nB: y"]]},
            {"method": "GET", "target": "/", "host": "a\r\nB: y"},
            {"method": "GET", "target": "/", "fields": "no"},
            {"method": 1, "target": "/"},
        ):
            assert (await send(**order))[0] == 400
        assert len(await listed(it)) == 2  # and no more


async def test_what_was_asked_of_a_proxy_can_be_sent_again() -> None:
    """The whole URL is the target, in the page as well; one that no route leads to is refused by the gateway."""
    async with whole() as it:
        upstream = it.app.ways[0].route.upstream.authority.decode()
        for target, status in ((f"http://{upstream}/qb/query", 200), ("http://evil.example/", 421)):
            order = {"method": "GET", "target": target, "host": ""}
            async with it.session.post(f"{it.admin}/inspector/replay", json=order) as answer:
                assert (await answer.json())["status"] == status
            assert (await opened(it))["target"] == target


async def test_pages_of_other_sites_and_hosts_get_nothing() -> None:
    """The rules of the admin listener hold for each route; every answer forbids what the page does not need."""
    async with whole() as it:
        await it.get("/qb/query")
        reads = ["/", "/inspector/static/main.js", "/inspector/exchanges", "/inspector/exchanges/1", "/inspector/har"]
        for path in [*reads, "/inspector/events"]:
            for fields, status in (
                ({"Origin": "https://evil.example"}, 403),
                ({"Sec-Fetch-Site": "cross-site"}, 403),
                ({"Host": "evil.example"}, 421),
            ):
                async with it.session.get(it.admin + path, headers=fields) as answer:
                    assert answer.status == status
        for path in ("/inspector/clear", "/inspector/replay", "/inspector/har"):
            async with it.session.post(it.admin + path, headers={"Origin": "https://evil.example"}) as answer:
                assert answer.status == 403
        for path in ("/inspector/clear", "/inspector/replay"):
            async with it.session.get(it.admin + path) as answer:
                assert answer.status == 405
        for path in reads:
            async with it.session.get(it.admin + path) as answer:
                assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with it.session.get(f"{it.admin}/inspector/static/..%2fcapture.py") as answer:
            assert answer.status == 404
        assert len(await listed(it)) == 1


async def test_it_keeps_nothing_alive() -> None:
    """Notes and entries hold no connection: without the collector, exchanges die when they are done."""
    from proxy.exchange import Exchange  # noqa: PLC0415  asked for by its class

    async with whole() as it:
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await it.post("/echo/x", b"body")
            await listed(it, 20)
            left = [each for each in gc.get_objects() if isinstance(each, Exchange)]
        finally:
            gc.enable()
    assert left == []


OFF = """
import asyncio, sys
from tests.inspector.whole import whole
async def main():
    async with whole(IAM_PROXY__ADMIN__INSPECTOR="false") as it:
        assert await it.get("/qb/query") == 200
        async with it.session.get(it.admin + "/") as answer:
            assert answer.status == 404
        assert it.app.gateway.exchange.__module__ == "proxy.exchange"
        assert it.app.gateway.malformed is it.app.gateway.observe
asyncio.run(main())
print([name for name in sys.modules if name.startswith("proxy.inspect")])
"""


def test_off_it_is_not_even_loaded() -> None:
    """No module of it, no route, and exchanges of the plain kind."""
    printed = subprocess.run(  # noqa: S603  this very interpreter
        [sys.executable, "-c", OFF], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"


async def test_beyond_so_much_the_line_alone_is_kept() -> None:
    """Looking through everything would hold the gateway up: what was given up says so, and is listed all the same."""
    async with whole() as it:
        for part in range(4):
            targets = [f"/echo/{part}/{n}" for n in range(50)]
            posts = (it.post(each, NO_SECRET * 70_000, **{"Content-Type": "text/plain"}) for each in targets)
            assert set(await asyncio.gather(*posts)) == {200}
        rows = await listed(it, 200)
        details = [await told(it, f"/inspector/exchanges/{row[0]}") for row in rows]
    shed = [each for each in details if "too much passed" in " ".join(each["reasons"])]
    assert len(rows) == 200
    most = EACH + LIMIT + max(len(each["answer"]["body"].get("text", "")) for each in details)
    assert len(rows) - len(shed) >= (AT_ONCE - WHOLE) // most
    assert shed
    assert all(each["request"]["fields"] == [] and each["request"]["body"]["size"] == 0 for each in shed)
    assert all(each["shed"] and each["request"]["body"]["fault"].startswith("not kept") for each in shed)
    assert all(each["request"]["body"]["size"] == LIMIT for each in details if not each["shed"])
