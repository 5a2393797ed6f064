"""What `--help` says: a few words on each command, with examples that can be typed as they stand."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from proxy.cli import WIDTH, main

COMMANDS = {"": main, **main.commands}
# An example's own command line: behind variables, or inside of another command.
OURS = re.compile(r"(?:^|\$\()(?:[A-Z]+=\S+ )*iam-proxy ([^)|]*)")


def helped(name: str) -> str:
    """Return a command's help."""
    done = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="iam-proxy", terminal_width=WIDTH)
    assert done.exit_code == 0
    return done.output


def examples(name: str) -> list[str]:
    """Return the examples that a command's help ends with, each as one line."""
    said = helped(name).partition("\nExamples:\n")[2].replace("\\\n", "")
    assert all(line.startswith("  ") for line in said.splitlines())
    return [line.strip() for line in said.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_it_fits_a_terminal(name: str) -> None:
    """No line is longer than 100 columns; whatever can be given is explained."""
    said = helped(name)
    assert max(map(len, said.splitlines())) <= WIDTH
    for parameter in COMMANDS[name].params:
        assert not isinstance(parameter, click.Option) or parameter.help


def test_each_command_is_listed_whole() -> None:
    """In the order of interest, each with its first sentence."""
    listed = helped("").partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(main.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_example_is_taken(name: str) -> None:
    """There is one at least for the command itself, and nothing in one is unknown."""
    lines = [found[1] for each in examples(name) if (found := OURS.search(each))]
    assert any(line.split()[0] == name or not name for line in lines)
    for line in lines:
        parsed(shlex.split(line))


def parsed(words: list[str]) -> None:
    """Read a command line without doing what it says. Raises UsageError."""
    command = main.commands[words[0]]
    if words[1:] != ["--help"]:
        command.make_context(words[0], words[1:])
