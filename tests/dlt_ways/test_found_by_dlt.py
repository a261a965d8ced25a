"""What dlt finds by itself: the command, the source by its short name, tools that do not spend."""

from __future__ import annotations

import asyncio
import re
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest
from dlt.sources import SourceReference

from amplemarket_source.dlt_plugin import AmplemarketCommand, plug_cli_amplemarket
from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import KEY, Command, posts, write_leads
from tests.support.typed_commands import unknown_options

SKILL = files("amplemarket_source") / ".agents" / "skills" / "amplemarket" / "SKILL.md"


def test_the_entry_point_is_there() -> None:
    found = [point for point in entry_points(group="dlt") if point.name == "amplemarket_source"]
    assert found, "install the package anew: pip install -e ."
    assert found[0].value == "amplemarket_source.dlt_plugin"


def test_the_source_is_found_by_its_short_name() -> None:
    source = SourceReference.from_reference(
        "amplemarket", source_kwargs={"leads": [{"email": "ada@site.example"}]}
    )
    assert source.name == "amplemarket"
    assert {"people", "companies"} <= set(source.resources)


def test_the_command_belongs_to_dlt_and_to_no_other_program() -> None:
    assert plug_cli_amplemarket("dlt") is AmplemarketCommand
    assert plug_cli_amplemarket("dlthub") is None


@pytest.mark.slow
def test_the_tools_of_both_mcp_servers_say_the_price_and_spend_nothing(
    tables: None,
    amplemarket: Command,
    server: SandboxServer,
    folder: Path,
) -> None:
    from dlt._workspace.mcp import PipelineMCP, WorkspaceMCP
    from fastmcp import Client
    from fastmcp.exceptions import ToolError

    write_leads(folder / "bought.csv", [{"email": "ada@site.example"}])
    assert amplemarket("run", "people", "bought.csv", "--yes").exit_code == 0
    leads = write_leads(folder / "new.csv", [{"email": "eve@site.example"}])
    before = len(server.sandbox.calls)

    async def ask() -> None:
        for mcp in (WorkspaceMCP(), PipelineMCP("amplemarket")):
            async with Client(mcp) as client:
                plan = await client.call_tool("amplemarket_plan", {"people": leads})
                assert plan.data["plans"][0]["to_buy"] == 1
                status = await client.call_tool("amplemarket_status", {})
                assert status.data["requests"] == {"completed": 1}
                report = await client.call_tool("amplemarket_report", {})
                assert report.data["rows"]["people"] == 1
                assert "ada" not in str(report.data)
                with pytest.raises(ToolError, match="there is no such file"):
                    await client.call_tool("amplemarket_plan", {"people": "missing.csv"})

    asyncio.run(ask())
    assert len(server.sandbox.calls) == before
    assert posts(server) == 1


def commands_in(text: str) -> list[str]:
    """The commands a text tells to type, without what stands for a value."""
    return sorted(set(re.findall(r"`(amplemarket [^`]+)`", text)))


@pytest.mark.parametrize("line", commands_in(SKILL.read_text("utf-8")))
def test_a_command_of_the_skill_exists_with_its_options(line: str) -> None:
    assert unknown_options(line) == []


def test_the_skill_ships_and_its_python_runs(
    tables: None,
    folder: Path,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(folder / "dlt"))
    text = SKILL.read_text("utf-8")
    assert text.startswith("---\nname: amplemarket\ndescription: ")
    write_leads(folder / "leads.csv", [{"email": "ada@site.example"}])
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(snippet, "SKILL.md", "exec"), {})  # noqa: S102 - our own text
    assert server.sandbox.account.email_spent == 0.5
    assert KEY not in text
