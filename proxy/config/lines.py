"""On which line of a TOML file each key stands; tomllib does not tell."""

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]

_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*""")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_BARE = re.compile(r"[^,\]}\n#]+")


def lines(text: str) -> dict[Path, int]:
    """Return the line of each key and each array element of a valid TOML text, counted from one."""
    return _Scan(text).all()


class _Scan:
    """One pass over the text. What it does not understand it leaves out: a mistake then has its table's line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", text))]
        self._arrays: dict[Path, int] = {}

    def all(self) -> dict[Path, int]:
        prefix: Path = ()
        while self._space() and self.at < len(self.text):
            before = self.at
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
            if self.at == before:
                break
        return self.found

    def _space(self) -> bool:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return True

    def _note(self, path: Path, at: int) -> None:
        self.found.setdefault(path, bisect_right(self._starts, at))

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _key(self) -> Path:
        parts: list[str] = []
        while match := _KEY.match(self.text, self.at):
            self.at = match.end()
            name = match[1]
            parts.append(tomllib.loads(f"x = {name}")["x"] if name[0] in "\"'" else name)
            if self._peek() != ".":
                break
            self.at += 1
        return tuple(parts)

    def _header(self) -> Path:
        """Read `[table]` or `[[array]]`, and return the path of what follows."""
        begin, double = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        names = self._key()
        self.at += 2 if double else 1
        path: Path = ()
        for name in names[:-1]:
            path = self._inside((*path, name))
        path = (*path, *names[-1:])
        if double:
            self._arrays[path] = self._arrays.get(path, -1) + 1
            self._note(path, begin)
        path = self._inside(path)
        self._note(path, begin)
        return path

    def _inside(self, path: Path) -> Path:
        """Return the path of an array's last table, or the path itself."""
        return (*path, self._arrays[path]) if path in self._arrays else path

    def _pair(self, prefix: Path) -> None:
        begin = self.at
        key = self._key()
        for length in range(1, len(key) + 1):
            self._note((*prefix, *key[:length]), begin)
        if self._peek() == "=":
            self.at += 1
            self._value((*prefix, *key))

    def _value(self, path: Path) -> None:
        self._space()
        character = self._peek()
        if character == "[":
            self._array(path)
        elif character == "{":
            self._table(path)
        elif match := (_STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)):
            self.at = match.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._space() and self._peek() not in {"]", ""}:
            before = self.at
            self._note((*path, index), self.at)
            self._value((*path, index))
            self._comma()
            index += 1
            if self.at == before:
                return
        self.at += 1

    def _table(self, path: Path) -> None:
        self.at += 1
        while self._space() and self._peek() not in {"}", ""}:
            before = self.at
            self._pair(path)
            self._comma()
            if self.at == before:
                return
        self.at += 1

    def _comma(self) -> None:
        self._space()
        if self._peek() == ",":
            self.at += 1
