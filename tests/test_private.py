"""Files for their owner alone: whole or not there, and nobody else's."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.errors import StartError
from proxy.private import write_private


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let this process give away whatever mode it asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
@pytest.mark.parametrize("force", [False, True])
def test_the_mode(force: bool, tmp_path: Path) -> None:
    """0600, whatever the umask lets through, and nothing else is left in the folder."""
    file = tmp_path / "file"
    write_private(file, "é\n", force=force)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"\xc3\xa9\n", 0o600)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("no_umask")
def test_whoever_has_the_old_file_open_reads_nothing_of_the_new(tmp_path: Path) -> None:
    """A file that others could read is not filled but replaced."""
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    with file.open() as held:
        write_private(file, "new", force=True)
        assert (held.read(), file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("old", "new", 0o600)


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    """Also one that was taken a moment ago, by a link that leads nowhere yet."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("mine")
    for taken in (file, tmp_path):
        with pytest.raises(StartError, match="File exists"):
            write_private(taken, "text", force=False)
    assert file.read_text() == "mine"
    link.symlink_to(tmp_path / "there")
    write_private(link, "text", force=False)
    assert (link.is_symlink(), (tmp_path / "there").read_text()) == (True, "text")


@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_written_leaves_nothing(force: bool, tmp_path: Path) -> None:
    """No half of a file, and with `force` the old one."""
    file = tmp_path / "file"
    if force:
        file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "text\udcff", force=force)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"] * force
    with pytest.raises(StartError, match="No such file"):
        write_private(tmp_path / "none" / "file", "text", force=force)
