"""Memory that is used again: what the kernel counts, which no load of the machine changes."""

from pathlib import Path

from tests.fakes.process import Program
from tests.test_large import download, gateway_to_sandbox

SIZE = 64 * 1024**2
PAGE = 4096


def faults(gateway: Program) -> int:
    """Return how often the kernel had to find a page of memory for a process (proc(5), `minflt`)."""
    stat = Path(f"/proc/{gateway.process.pid}/stat").read_text()
    return int(stat.rpartition(") ")[2].split()[7])


async def test_large_bodies_cross_in_the_same_memory(tmp_path: Path) -> None:
    """An answer of 64 MiB takes few new pages once one has crossed: glibc has not given the heap's end back."""
    async with gateway_to_sandbox(tmp_path) as (gateway, host, port):
        assert await download(host, port, SIZE) == SIZE
        before = faults(gateway)
        assert await download(host, port, SIZE) == SIZE
        assert faults(gateway) - before < SIZE / PAGE / 8
