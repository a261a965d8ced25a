"""Commands as a text tells to type them: whether each exists, with the options it is given."""

from __future__ import annotations

import shlex

import click

from amplemarket_source.cli.main import LazyCommand, program

__all__ = ["unknown_options"]


def unknown_options(line: str) -> list[str]:
    """The options in ``amplemarket COMMAND ...`` that the command does not take.

    Raises:
        KeyError: there is no such command.
    """
    words = shlex.split(line)
    words = words[words.index("amplemarket") + 1 :]
    if words and words[0].startswith("-"):
        return [word for word in words if word not in ("--version", "--help")]
    listed = program.commands[words.pop(0)]
    command = listed.load() if isinstance(listed, LazyCommand) else listed
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [option for option in given if option not in known | {"--help"}]
