"""What a person sees when the API breaks its contract."""

from __future__ import annotations

from pathlib import Path

from amplemarket_source.sandbox import Fault, SandboxServer
from tests.cli.command_line import Command, posts

_POLL = "/people/enrichment-requests/1"


def test_a_broken_contract_is_one_line_exit_6_and_costs_nothing_more(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.set_faults("next_other_host")
    found = amplemarket("run", "people", leads)
    assert found.exit_code == 6
    (line,) = [line for line in found.out.splitlines() if line.startswith("  ! ")]
    assert line.startswith(f"  ! GET {_POLL}: ")
    assert "a link to another origin (http://elsewhere.example)" in line
    assert "trace id " in line
    assert "Traceback" not in found.err
    assert "amplemarket resume" in found.out

    server.sandbox.set_faults()
    again = amplemarket("run", "people", leads, "--json")
    assert (again.exit_code, posts(server)) == (0, 1)
    assert again.document["outcomes"] == {"enriched": 3, "not_found": 1}


def test_an_odd_answer_before_the_first_post_buys_nothing(
    amplemarket: Command, leads: str, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.set_faults(Fault("other_body", "[]", method="GET", path="/account-info"))
    found = amplemarket("run", "people", leads)
    assert (found.exit_code, posts(server)) == (6, 0)
    assert "GET /account-info: " in found.err + found.out
    server.sandbox.set_faults()
    assert amplemarket("run", "people", leads).exit_code == 0


def test_an_odd_answer_to_a_lookup_is_one_line_and_exit_6(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.set_faults(Fault("other_body", "[]", method="GET", path="/people/find"))
    found = amplemarket("find", "person", "--email", "ada@site.example")
    assert found.exit_code == 6
    assert "GET /people/find: " in found.err
    assert "ada@site" not in found.err
