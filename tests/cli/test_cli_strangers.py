"""Text of strangers is shown on a terminal, never obeyed by it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from amplemarket_source.cli.texts import shown
from amplemarket_source.errors import ApiProblem, RequestRefused
from amplemarket_source.run.lookup import Lookup
from tests.cli.command_line import Command, Finished

CLIPBOARD = "\x1b]52;c;Y3VybCBldmlsLmV4YW1wbGU=\x07"
HOSTILE = f"Ada{CLIPBOARD}\rDone: \x9b31m\x7f\u202e\u2066\u2028!"


def obeyed(found: Finished) -> list[str]:
    """The characters of the output that a terminal would act on."""
    return [
        character
        for character in found.out + found.err
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
    ]


@pytest.mark.parametrize("character", sorted(set(HOSTILE) - set("\n")))
def test_no_control_character_reaches_the_terminal(character: str) -> None:
    is_obeyed = not (character.isprintable() or character == " ")
    assert (character in shown(character)) is not is_obeyed


def test_what_people_write_is_left_as_it_is() -> None:
    for text in ("Zoë Żółć", "李小龍", "نور", "👩\u200d💻", "क्\u200dष", "a\n\tb"):
        assert shown(text) == text


def test_a_profile_cannot_reach_the_clipboard_or_forge_a_line(
    amplemarket: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"headline": "Ada\\u001b]52;c;eA==\\u0007\\r\\u202e", "about": "one\\nid  forged"}'
    monkeypatch.setattr(
        "amplemarket_source.cli.find.look_up", lambda *_, **__: Lookup("enriched", body)
    )
    found = amplemarket("find", "person", "--email", "ada@site.example")
    assert obeyed(found) == []
    assert r"headline  Ada\x1b]52;c;eA==\x07\r\u202e" in found.out
    assert "about  one\n    id  forged" in found.out


def test_headers_and_names_of_files_are_shown(amplemarket: Command, folder: Path) -> None:
    source = folder / f"leads{CLIPBOARD}.csv"
    source.write_text(f'email,"shoe{CLIPBOARD} size"\nada@site.example,38\n')
    planned = amplemarket("plan", "people", str(source))
    assert (planned.exit_code, obeyed(planned)) == (0, [])
    assert r"shoe\x1b]52" in planned.out
    missing = amplemarket("plan", "people", str(folder / f"gone{CLIPBOARD}.csv"))
    assert (missing.exit_code, obeyed(missing)) == (2, [])
    assert r"gone\x1b]52" in missing.err


def test_wrong_use_is_shown(amplemarket: Command, leads: str) -> None:
    for arguments in (
        ("run", "people", leads, f"--{CLIPBOARD}"),
        (f"no{CLIPBOARD}",),
        ("status", "--destination", f"none{CLIPBOARD}"),
        ("cancel", HOSTILE),
        ("run", "people", leads, "--debug", "--destination", f"none{CLIPBOARD}"),
    ):
        found = amplemarket(*arguments)
        assert (found.exit_code, obeyed(found)) == (2, []), arguments


def test_a_code_of_the_api_that_is_none_is_not_shown(
    amplemarket: Command, leads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        problem = ApiProblem(code=f"bad{CLIPBOARD}\r")
        raise RequestRefused("refused", method="GET", path="/account-info", problems=(problem,))

    monkeypatch.setattr("amplemarket_source.api.EnrichmentApi.account_info", refuse)
    found = amplemarket("run", "people", leads)
    assert (found.exit_code, obeyed(found)) == (6, [])
    assert "error without a code" in found.err
