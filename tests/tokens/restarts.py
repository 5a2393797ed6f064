"""Starts a source of tokens in a process of its own, many times: `python -m tests.tokens.restarts FILE URL COUNT`.

The processes are forked from this one, which has everything imported and has done nothing yet.
"""

import asyncio
import os
import sys
import traceback

from proxy.core.store import StoreFile
from proxy.core.token_events import TokenFound
from tests.tokens.sources import described, gateway


async def once(path: str, url: str) -> str:
    """Start, take a token, stop; return its text, and whether it came from the store."""
    async with gateway(StoreFile(path), described(url)) as it:
        token = await it.reuse.token()
        return f"{token.value} {it.told(TokenFound)}"


def main(path: str, url: str, count: str) -> None:
    """Start so many processes, one after the other; each prints a line."""
    for _ in range(int(count)):
        child = os.fork()
        if child == 0:
            try:
                print(asyncio.run(once(path, url)), flush=True)  # noqa: T201  its output is read by the test
                os._exit(0)
            except BaseException:  # noqa: BLE001  a child never goes on where its parent does
                traceback.print_exc()
                os._exit(1)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
