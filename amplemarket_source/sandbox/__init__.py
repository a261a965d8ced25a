"""An API server to try things on: the vendor's API as documented, people invented, nothing paid.

It is a real HTTP server and as strict as the guide. Use it for demos, and to test a pipeline of
your own::

    with SandboxServer(SandboxOptions(polls_until_done=1)) as server:
        pipeline.run(amplemarket(leads=leads, base_url=server.url, api_key="sandbox-key"))
        assert server.sandbox.account.email_spent == 0.5 * len(leads)

One lead always gives one person, in every process: who comes back is computed from the lead
(``SANDBOX_HELP`` has the rules, the endpoints and the options, ``FAULTS`` the switches for what can
go wrong).

The workspace (users, tasks, calls, lead lists and the rest) is invented from a seed and sizes, and
a test changes it between two syncs::

    with SandboxServer(SandboxOptions(workspace=WorkspaceSizes(calls=1_000_000))) as server:
        call = server.workspace.add("calls", notes="Another one")
        server.workspace.change("calls", call["id"], notes="Called back")
        server.workspace.remove("calls", call["id"])
        server.workspace.add_field("calls", "sentiment", "warm")

Each module imports only those before it: ``options``, ``identity`` (who a lead is), ``people``
(invented answers), ``validation``, ``credits``, ``enrichments`` (progress and pages), ``exchange``
(a call and its answer), ``fault_pages`` and ``faults``, ``collection`` (a stream of rows made from
their numbers), ``population``, ``workspace_rows``, ``workspace_people``, ``workspace``, ``state``,
``endpoint``, ``listing``, the three modules of endpoints, ``routes``, ``app``, ``server``.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from amplemarket_source.sandbox.credits import Charge
from amplemarket_source.sandbox.faults import FAULTS, Fault
from amplemarket_source.sandbox.identity import lead_identity, subject_of
from amplemarket_source.sandbox.options import (
    SandboxOptions,
    Variant,
    WorkspaceSizes,
    changed,
)
from amplemarket_source.sandbox.state import Call, Sandbox
from amplemarket_source.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from amplemarket_source.sandbox.endpoint import Endpoint

    SANDBOX_HELP: str
    from amplemarket_source.sandbox.server import SandboxServer, serve

__all__ = [
    "FAULTS",
    "SANDBOX_HELP",
    "Call",
    "Charge",
    "Fault",
    "Sandbox",
    "SandboxOptions",
    "SandboxServer",
    "Variant",
    "Workspace",
    "WorkspaceSizes",
    "changed",
    "lead_identity",
    "serve",
    "subject_of",
]


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
    from amplemarket_source.sandbox.routes import ENDPOINTS

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


def __getattr__(name: str) -> Any:
    """The help and the server come late: a command without them does not pay for them, and the
    server's libraries are an extra that the help does without."""
    if name == "SANDBOX_HELP":
        return _help()
    if name not in ("SandboxServer", "serve"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from amplemarket_source.sandbox import server
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"The sandbox needs {error.name}: "
            "python -m pip install 'starlette>=0.40' 'uvicorn>=0.30'",
            name=error.name,
        ) from None
    return getattr(server, name)
