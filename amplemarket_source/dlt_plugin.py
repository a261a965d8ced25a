"""What dlt finds of this package by itself: entry point ``dlt`` in pyproject.toml.

dlt loads this module whenever it starts, so nothing heavy is imported before a hook is called
(api-notes: dlt-plugins).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dlt.common.configuration import plugins

__all__ = ["AmplemarketCommand", "Tools", "plug_cli_amplemarket", "plug_mcp_amplemarket"]


class AmplemarketCommand(plugins.SupportsCliCommand):
    """``dlt amplemarket ...``: the command of this package, with the same exit codes.

    Example::

        dlt amplemarket plan people leads.csv
    """

    command = "amplemarket"
    help_string = "Buy enrichment of leads from Amplemarket, each lead once"
    description = (
        "The command amplemarket: run, plan, status, report and the others. "
        "`dlt amplemarket help` lists them, `dlt amplemarket run --help` explains one."
    )
    docs_url = None

    def configure_parser(self, parser: argparse.ArgumentParser) -> None:
        """Everything that follows is the command's own."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="A command and its options")

    def execute(self, args: argparse.Namespace) -> None:
        """Run the command; ends the process with its exit code."""
        from amplemarket_source.cli.main import program

        arguments: list[str] = args.arguments
        program.main(
            ["--help"] if arguments in ([], ["help"]) else arguments, prog_name="dlt amplemarket"
        )


@dataclass
class Tools:
    """What dlt's MCP servers take from a plugin."""

    name: str
    tools: Sequence[Any]
    prompts: Sequence[Any] = field(default=())
    providers: Sequence[Any] = field(default=())


@plugins.hookimpl(specname="plug_cli")
def plug_cli_amplemarket(host: str) -> type[plugins.SupportsCliCommand] | None:
    """The command, for ``dlt`` and no other host."""
    return AmplemarketCommand if host == "dlt" else None


@plugins.hookimpl(specname="plug_mcp")
def plug_mcp_amplemarket(features: set[str]) -> plugins.SupportsMcpFeatures | None:
    """Three tools that read, for the servers that show pipelines; none of them spends."""
    if not features & {"pipeline", "workspace"}:
        return None
    from amplemarket_source.mcp_tools import TOOLS

    return Tools("amplemarket", TOOLS)
