"""What the server is and takes, as text: rules, endpoints, options, fault switches.

Written from what the code has of each, so that nothing is listed that is not there.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from amplemarket_source.sandbox.endpoint import Endpoint
from amplemarket_source.sandbox.faults import FAULTS
from amplemarket_source.sandbox.options import SandboxOptions, Variant, WorkspaceSizes
from amplemarket_source.sandbox.routes import ENDPOINTS

__all__ = ["SANDBOX_HELP"]

_RULES = """\
Serves an API that behaves as the vendor documents it. People and companies are invented from the
lead; nothing is charged. The key is "sandbox-key".

What a lead gives
  ada.lovelace@site.example       Ada Lovelace, who works at site.example; the same person as the
                                  name "Ada Lovelace" with the company domain site.example
  linkedin.example/in/ada-byron   Ada Byron, at one of 500 companies; all spellings are one
  notfound... or missing...       not_found: an e-mail, LinkedIn slug, name, title or company
                                  domain that starts so
  removed... or gdpr...           gdpr_removed, in the same way

Controls, beside the API
  GET  /_sandbox/log              requests accepted, leads submitted and charged, credits
  GET  /_sandbox/requests         every call: method, path, status
  POST /_sandbox/options          change options, such as {"children": "none"}
  POST /_sandbox/faults           the list of switches that are on, such as
                                  ["poll_503", {"name": "cut_body", "count": 2}]
  POST /_sandbox/workspace        {"change": "add", "stream": "tasks", "user_id": ..., ...}, or
                                  "change" and "remove" with a "key", or "add_field"
  POST /_sandbox/settle           run every request to its end
  POST /_sandbox/reset            forget everything
"""

_CITED = re.compile(r" \(api.notes:[^)]*\)")


def _documented(settings: type[Any]) -> Iterator[str]:
    """A dataclass's attributes with the first sentence that its docstring has on each."""
    texts: dict[str, str] = {}
    names = ""
    _, _, listed = (inspect.getdoc(settings) or "").partition("Attributes:\n")
    for line in listed.splitlines():
        head = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
        if head:
            names, texts[head[1]] = head[1], head[2]
        elif names:
            texts[names] += f" {line.strip()}"
    for name, text in texts.items():
        first = _CITED.sub("", text).replace("``", "")
        yield from textwrap.wrap(
            first, 96, initial_indent=f"  {name:<24}  ", subsequent_indent=" " * 28
        )


def _help() -> str:
    def path(endpoint: Endpoint) -> str:
        return re.sub(r"{(?:number:path|key)}", "{id}", endpoint.path).replace(":path", "")

    parts = (
        ("Endpoints", [f"  {one.method:<6} {path(one):<36} {one.help}" for one in ENDPOINTS]),
        ("Options", _documented(SandboxOptions)),
        ("Options: what the answers look like", _documented(Variant)),
        ("Options: what is in the workspace", _documented(WorkspaceSizes)),
        ("Fault switches", (f"  {name:<26}{spec.help}" for name, spec in FAULTS.items())),
    )
    return _RULES + "".join(f"\n{title}\n" + "\n".join(lines) + "\n" for title, lines in parts)


SANDBOX_HELP = _help()
