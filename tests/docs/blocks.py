"""The blocks of a page, run as they stand.

==========================  =======================================================================
``text NAME`` in a fence     the file NAME is made in the page's folder; ``<!-- file: NAME ... -->``
                             makes one that the page does not show
``python``                   is run; the blocks of a page share their names
``console``                  each ``$`` line is run, what it says is compared (``...`` stands for
                             anything), its exit code is 0 or said by ``(exit code N)``
``sh``                       each command of ours in it exists, with its options; it is run and
                             ends with 0 unless it names a warehouse or never ends
``toml``                     can be read
``<!-- server: FAULT -->``   the server does that once, from there on
``<!-- skip: next -->``      the next block is not run: it needs an environment of its own
==========================  =======================================================================
"""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from amplemarket_source.cli.main import program
from amplemarket_source.sandbox import Fault, SandboxServer
from tests.support.typed_commands import unknown_options

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

__all__ = ["run_page"]

_COMPARE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_FILE = re.compile(r"^```text (?P<name>[\w.-]+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_HIDDEN_FILE = re.compile(r"^<!-- file: (?P<name>[\w.-]+)\n(?P<text>.*?)^-->", re.M | re.DOTALL)
_ELSEWHERE = ("--destination", "amplemarket sandbox")
_FAULT = re.compile(r"<!-- server: (?P<name>\w+) -->")


def run_page(page: Path, folder: Path, server: SandboxServer) -> int:
    """Run all blocks of a page in the present folder, which is ``folder``; how many there were.

    Raises:
        AssertionError: a block does not do what it says.
    """
    parsers: list[Callable[[Document], Iterable[Region]]] = [
        CodeBlockParser("python", _run_python),
        CodeBlockParser("console", _run_console),
        CodeBlockParser("sh", _run_commands),
        SkipParser(),
        CodeBlockParser("toml", _read_toml),
        _faults_of(server),
    ]
    text = page.read_text("utf-8")
    for name, content in (*_FILE.findall(text), *_HIDDEN_FILE.findall(text)):
        (folder / name).write_text(content, encoding="utf-8")
    document = Sybil(parsers=parsers).parse(page)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return len(examples)


def _run_python(example: Example) -> None:
    code = compile("\n" * example.line + str(example.parsed), example.path, "exec")
    exec(code, example.namespace)  # noqa: S102 - our own text


def _run_console(example: Example) -> None:
    for said in re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)[1:]:
        typed, _, expected = said.partition("\n")
        words = shlex.split(typed)
        assert words[0] == "amplemarket", f"{example.path}:{example.line}: {typed} cannot be run"
        done = CliRunner().invoke(program, words[1:], prog_name="amplemarket")
        output = done.output + (f"(exit code {done.exit_code})\n" if done.exit_code else "")
        if not expected.strip() and "--quiet" not in words:
            expected = "...\n"
        assert doctest.OutputChecker().check_output(expected or "\n", output or "\n", _COMPARE), (
            f"{example.path}:{example.line}: {typed}\nexpected:\n{expected}\nsaid:\n{output}"
        )


def _run_commands(example: Example) -> None:
    text = re.sub(r"\\\n\s*", " ", str(example.parsed))
    for line in text.splitlines():
        line = line.partition(" #")[0].partition(">")[0]
        if not re.match(r"(\S+=\S+ )*(amplemarket|dlt amplemarket) ", line):
            continue
        assert unknown_options(line) == [], f"{example.path}:{example.line}: {line}"
        words = shlex.split(line[line.index("amplemarket ") :])
        if not any(one in line for one in _ELSEWHERE):
            done = CliRunner().invoke(program, words[1:], prog_name="amplemarket")
            assert done.exit_code == 0, f"{example.path}:{example.line}: {line}\n{done.output}"


def _read_toml(example: Example) -> None:
    tomllib.loads(str(example.parsed))


def _faults_of(server: SandboxServer) -> Callable[[Document], Iterable[Region]]:
    def switch(example: Example) -> None:
        server.sandbox.set_faults(Fault(str(example.parsed), count=1))

    def parse(document: Document) -> Iterable[Region]:
        for found in _FAULT.finditer(document.text):
            yield Region(found.start(), found.end(), found["name"], _evaluated(switch))

    return parse


def _evaluated(what: Callable[[Example], Any]) -> Callable[[Example], None]:
    return lambda example: what(example)
