"""What a shell completes: the scripts are click's own, and ask this program at each Tab."""

import os
import tomllib
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
PROGRAM, VARIABLE = "iam-proxy", "_IAM_PROXY_COMPLETE"


def script(main: click.Command, shell: str) -> str:
    """Return what makes a shell complete the program."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  the command line takes no other than click knows
    return kind(main, {}, PROGRAM, VARIABLE).source()


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell, which knows the files."""
    del ctx, param
    return [CompletionItem(incomplete, type="file")]


def credentials(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of credentials as the file has them; it is read, but no secret that it names."""
    del param
    name = ctx.params.get("config") or os.environ.get("IAM_PROXY_CONFIG") or "iam-proxy.toml"
    try:
        found = tomllib.loads(Path(name).read_text(encoding="utf-8")).get("credentials", {})
    except (OSError, ValueError):
        return []
    return [each for each in found if each.startswith(incomplete)] if isinstance(found, dict) else []
