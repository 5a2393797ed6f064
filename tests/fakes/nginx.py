"""nginx, as a process of its own on a loopback port."""

import asyncio
import contextlib
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import trustme

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 64m;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {outside}
    server {{
        listen 127.0.0.1:{port} reuseport {tls};
        {inside}
    }}
}}
"""
READY = b"event method"  # said behind listening
TLS = "ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;"


def certificate(folder: Path) -> Path:
    """Write a certificate for localhost, with its key, as server.pem, and return the file of its authority."""
    ca = trustme.CA()
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@contextlib.asynccontextmanager
async def nginx(folder: Path, inside: str, outside: str = "", *, tls: bool = False) -> AsyncIterator[int]:
    """Run nginx with lines inside its server and outside of it; with `tls` after `certificate()`. Yields the port."""
    more = TLS.format(folder=folder) if tls else ""
    with socket.socket() as reserved:
        # Bound, but not listening: the port is nginx's alone, and nobody else is given it before.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        config = CONFIG.format(
            folder=folder, port=port, tls="ssl" if tls else "", inside=more + inside, outside=outside
        )
        (folder / "nginx.conf").write_text(config)
        process = await asyncio.create_subprocess_exec(
            "nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf", stderr=PIPE
        )
        try:
            async with listening(process):
                yield port
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@contextlib.asynccontextmanager
async def listening(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Wait until nginx listens, and go on reading what it says."""
    assert process.stderr is not None
    said = b""
    while READY not in said:
        line = await process.stderr.readline()
        assert line, f"nginx ended: {said.decode()}"
        said += line
    draining = asyncio.create_task(process.stderr.read())
    try:
        yield
    finally:
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
