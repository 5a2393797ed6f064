"""Apache Superset, as a process of its own on a loopback port, with its data in a folder."""

import contextlib
import os
import re
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.platforms.started import started

BIN = Path(__file__).parents[2] / ".superset" / "bin"
LISTENS = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
USERNAME, PASSWORD = "reports", 'the password: "ä\\'
ADMIN = (f"--username={USERNAME}", f"--password={PASSWORD}", "--firstname=A", "--lastname=B", "--email=a@example.com")


@dataclass(frozen=True)
class Superset:
    """An installed Superset whose data lie in a folder; what signs its tokens is given at each start."""

    folder: Path

    def environ(self, key: str) -> dict[str, str]:
        """Return its settings: data, settings of the user's and of gunicorn's stay in the folder."""
        return {"SUPERSET_HOME": str(self.folder), "HOME": str(self.folder), "SUPERSET_SECRET_KEY": key}

    def prepare(self) -> None:
        """Make its tables, an administrator, and the rights of the roles, as its documentation has it."""
        for words in (("db", "upgrade"), ("fab", "create-admin", *ADMIN), ("init",)):
            done = subprocess.run(  # noqa: S603  its own command
                [BIN / "superset", *words],
                env={**os.environ, **self.environ("the key that prepares"), "FLASK_APP": "superset"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"superset {words}: {done.stdout}"

    @contextlib.asynccontextmanager
    async def serving(self, key: str, port: int = 0) -> AsyncIterator[int]:
        """Serve it; tokens are signed with the key. Yields the port."""
        gunicorn = (BIN / "gunicorn", "--preload", "--threads", "4", "--no-control-socket")
        bind = ("--bind", f"127.0.0.1:{port}", "superset.app:create_app()")
        async with started(*gunicorn, *bind, listens=LISTENS, environ=self.environ(key)) as bound:
            yield bound
