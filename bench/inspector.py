"""What the inspector costs: CPU per request off and on, in one run; first paint. `python bench/inspector.py`.

"Off" is measured twice, as two processes: what lies between them is what cannot be told apart.
"""

import argparse
import asyncio
import http.client
import time
import urllib.request

from cpu import load, row
from processes import cpu, end, free_port, gateway, needed, resident, until_open
from stage import Stage, stage

EXCHANGES = 5000
# A second, and how many in all: at this rate every exchange is kept whole.
RATE, TRICKLE = 200, 400
LAUNCH = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
# Which gateway and which target: each load is compared with the same one of a gateway that has it off.
LOADS = {
    "off": (0, "/1k"),
    "off, another": (1, "/1k"),
    "on": (2, "/1k"),
    "off, text": (0, "/1k.json"),
    "on, text": (2, "/1k.json"),
}
RATIOS = {"off, another": "off", "on": "off", "on, text": "off, text"}
SLOW = ("off, 200 a second", "on, 200 a second")


def fill(port: int, count: int) -> None:
    """Let so many exchanges pass."""
    for _ in range(count):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/1k.json", timeout=5).read()


def trickle(port: int, pid: int) -> float:
    """Let requests pass as one person's page might send them; return the CPU time for each, in µs."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    before = cpu(pid)
    for _ in range(TRICKLE):
        connection.request("GET", "/1k.json")
        connection.getresponse().read()
        time.sleep(1 / RATE)
    return (cpu(pid) - before) / TRICKLE * 1e6


async def first_paint(admin: int) -> tuple[float, float]:
    """Open the page; return when it painted first and when the list stood there, in seconds."""
    from playwright.async_api import async_playwright  # noqa: PLC0415  needed here alone

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(LAUNCH))
        page = await browser.new_page()
        await page.goto("about:blank")
        await page.goto(f"http://127.0.0.1:{admin}/")
        await page.wait_for_selector("[role=row][aria-rowindex]")
        script = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
        painted = float(await page.evaluate(script))
        listed = float(await page.evaluate("() => performance.getEntriesByName('listed')[0].startTime"))
        await browser.close()
    return painted / 1000, listed / 1000


def measure(at: Stage, rounds: int) -> None:
    """Run everything and print the table."""
    line = b'{"region": "Brittany", "sales": 1000, "note": "as before"}, '
    (at.folder / "www" / "1k.json").write_bytes(b"[" + (line * 18)[:1022] + b"]")
    *ports, admin = [free_port() for _ in range(4)]
    processes = [
        gateway(at.plain, port, core=0, inspector=on, admin=admin if on else 0)
        for port, on in zip(ports, (False, False, True), strict=True)
    ]
    figures: dict[str, list[float]] = {name: [] for name in LOADS}
    slow: dict[str, list[float]] = {name: [] for name in SLOW}
    paints, lists = [], []
    try:
        for port in ports:
            until_open(port)
        time.sleep(1)
        for _ in range(rounds):
            for name, (number, target) in LOADS.items():
                print(f"  {name} …", flush=True)
                figures[name].append(load(ports[number], processes[number].pid, target))
            for name, number in zip(SLOW, (0, 2), strict=True):
                slow[name].append(trickle(ports[number], processes[number].pid))
        held = resident(processes[2].pid)
        urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{admin}/inspector/clear", method="POST"),
            timeout=5,
        ).read()
        fill(ports[2], EXCHANGES)
        for _ in range(rounds):
            painted, listed = asyncio.run(first_paint(admin))
            paints.append(painted)
            lists.append(listed)
    finally:
        for process in processes:
            end(process)
    print(f"\n{'':<34} {'min':>8} {'median':>8} {'max':>8}")
    for name, values in figures.items():
        print(row(f"CPU per 1 KB request, {name}", values, "µs"))
    for name, base in RATIOS.items():
        ratios = [a / b for a, b in zip(figures[name], figures[base], strict=True)]
        print(row(f"{name} / {base}", ratios, "(goal: <= 1.25)" if name.startswith("on") else ""))
    for name, values in slow.items():
        print(row(f"CPU per request, {name}", values, "µs"))
    print(row("on / off, 200 a second", [b / a for a, b in zip(*slow.values(), strict=True)], ""))
    print(row(f"first paint, {EXCHANGES} in the ring", paints, "s (goal: <= 0.5)"))
    print(row("list shown", lists, "s"))
    print(f"resident with a full ring {held:.0f} MB")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    needed("nginx", "wrk", "taskset", "chromium")
    with stage() as at:
        measure(at, rounds)


if __name__ == "__main__":
    main()
