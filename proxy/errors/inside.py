"""What goes wrong inside and is told to the operator; no caller gets it as an answer."""


class ConfigError(Exception):
    """The configuration, with every mistake in it: lines ready to print."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class StartError(Exception):
    """The gateway could not start; the message says why and what to do. `code` is what the program ends with."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.code = code


class SecretUnavailable(Exception):
    """A secret's file, variable or command gave none; the message names the place, never a value."""


class StoreError(Exception):
    """The shared token store is of no use now; the message says why, without a password and without what it holds."""


class StoreDamaged(StoreError):
    """What the store holds is not ours or cannot be read: as good as nothing, and to be written over."""


class CertificateUnusable(Exception):
    """A file of `server.tls` cannot be used; `key` says which, the message why."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(words)
        self.key = key
