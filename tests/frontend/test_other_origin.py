"""A page on its development server's own origin, listed by `cors_origins` (examples/other-origin.toml)."""

import json
from pathlib import Path

from tests.frontend.stage import fetched, two_origins

JSON = {"Content-Type": "application/json"}
# What a request of this kind tells a script of any answer.
OPAQUE = {"status": 0, "body": "", "fields": {}}


async def test_a_listed_page_reads_and_writes(tmp_path: Path) -> None:
    """GET, POST of JSON and DELETE behind a preflight, each with cookies; every field of an answer can be read."""
    async with two_origins(tmp_path) as (api, page, at, _, _):
        assert (await fetched(page, f"{at}/session", method="POST", credentials="include"))["status"] == 201
        got = await fetched(page, f"{at}/data", credentials="include")
        put = await fetched(page, f"{at}/data", credentials="include", method="POST", headers=JSON, body='{"a": 1}')
        left = await fetched(page, f"{at}/data", method="DELETE")
        assert api.asked == [("POST", "/session"), ("GET", "/data"), ("POST", "/data"), ("DELETE", "/data")]
    cookies = {"session": "platform", "theme": "dark"}
    assert (got["status"], json.loads(got["body"])["cookies"], got["fields"]["x-total"]) == (200, cookies, "5")
    assert (json.loads(put["body"])["sent"], json.loads(put["body"])["cookies"]) == ('{"a": 1}', cookies)
    assert (left["status"], json.loads(left["body"])["cookies"]) == (200, {})


async def test_errors_can_be_read(tmp_path: Path) -> None:
    """The platform's own and the gateway's, behind a preflight or not, with the fields that say whose they are."""
    async with two_origins(tmp_path) as (_, page, at, _, _):
        missing = await fetched(page, f"{at}/nothing", method="PUT", headers=JSON, body="{}")
        denied = await fetched(page, f"{at}/iam/login", method="POST", headers=JSON, body="{}", credentials="include")
    assert (missing["status"], "proxy-status" in missing["fields"]) == (404, False)
    assert (denied["status"], json.loads(denied["body"])["code"]) == (403, "path_denied")
    assert denied["fields"]["proxy-status"] == "iam-proxy; error=http_request_denied"
    assert denied["fields"]["content-type"] == "application/problem+json"
    assert json.loads(denied["body"])["request_id"] == denied["fields"]["x-request-id"]


async def test_cookies_want_the_same_name(tmp_path: Path) -> None:
    """By another name than the page's the gateway is another site: data can be read, but no cookie is kept."""
    async with two_origins(tmp_path) as (_, page, here, _, _):
        at = here.replace("localhost", "127.0.0.1")
        assert (await fetched(page, f"{at}/session", method="POST", credentials="include"))["status"] == 201
        got = await fetched(page, f"{at}/data", credentials="include")
    assert (got["status"], json.loads(got["body"])["cookies"]) == (200, {})


async def test_another_page_is_told_nothing(tmp_path: Path) -> None:
    """Whatever it tries, of the same site or another: no script sees a status, and the platform hears nothing."""
    refused: list[int] = []
    async with two_origins(tmp_path) as (api, page, at, _, other):
        await page.goto(other)
        page.on("response", lambda answer: refused.append(answer.status))
        for url in (f"{at}/data", f"{at.replace('localhost', '127.0.0.1')}/data"):
            assert await fetched(page, url) == {"error": "TypeError"}
            assert await fetched(page, url, credentials="include") == {"error": "TypeError"}
            assert await fetched(page, url, method="POST", headers=JSON, body="{}") == {"error": "TypeError"}
            assert await fetched(page, url, method="POST", body="x", mode="no-cors") == OPAQUE
        assert api.asked == []
    assert refused
    assert set(refused) == {403}
