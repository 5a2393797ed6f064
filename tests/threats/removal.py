"""What taking a defence out means: one text in one file, and what stands there without it."""

from dataclasses import dataclass


class StaleError(Exception):
    """The code has changed, and a removal does not fit it any more."""


@dataclass(frozen=True, slots=True)
class Removal:
    """`old` occurs once in its file, and becomes `new`."""

    old: str
    new: str

    def applied(self, text: str, place: str) -> str:
        """Return a file's text without the defence, which still compiles. Raises StaleError."""
        count = text.count(self.old)
        if count != 1:
            raise StaleError(f"the text to be taken out occurs {count} times in {place}, not once: {self.old!r}")
        without = text.replace(self.old, self.new)
        if place.endswith(".py"):
            try:
                compile(without, place, "exec")
            except SyntaxError as error:
                raise StaleError(f"without the defence {place} is no Python: {error}") from None
        return without
