"""Files that nobody but their owner can read, from their first moment on."""

import os
import tempfile
from pathlib import Path

from proxy.errors import StartError


def write_private(path: Path, text: str, *, force: bool) -> None:
    """Write a file with mode 0600, whole or not at all; with `force` in the place of another. Raises StartError."""
    path = path.resolve()  # of a link, what it leads to
    try:
        if force:
            _replace(path, text)
            return
        path.touch(0o600, exist_ok=False)  # the name is taken from now on, and nobody's file is written over
        try:
            _replace(path, text)
        except BaseException:
            path.unlink()
            raise
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # with mode 0600
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor has no path
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
