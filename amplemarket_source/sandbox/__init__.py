"""An API server to try things on: the vendor's API as documented, people invented, nothing paid.

It is a real HTTP server and as strict as the guide. Use it for demos, and to test a pipeline of
your own::

    with SandboxServer(SandboxOptions(polls_until_done=1)) as server:
        pipeline.run(amplemarket(leads=leads, base_url=server.url, api_key="sandbox-key"))
        assert server.sandbox.account.email_spent == 0.5 * len(leads)

One lead always gives one person, in every process: who comes back is computed from the lead
(``SANDBOX_HELP`` has the rules, ``FAULTS`` the switches for what can go wrong).

Each module imports only those before it: ``options``, ``identity`` (who a lead is), ``people``
(invented answers), ``validation``, ``credits``, ``enrichments`` (progress and pages), ``exchange``
(a call and its answer), ``fault_pages`` and ``faults``, ``collection`` (a stream of rows made from
their numbers), ``population``, ``workspace_rows``, ``workspace_people``, ``workspace``, ``state``,
``endpoint``, ``listing``, the three modules of endpoints, ``app``, ``server``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amplemarket_source.sandbox.credits import Charge
from amplemarket_source.sandbox.faults import FAULTS, Fault
from amplemarket_source.sandbox.identity import lead_identity, subject_of
from amplemarket_source.sandbox.options import SandboxOptions, Variant, changed
from amplemarket_source.sandbox.state import Call, Sandbox

if TYPE_CHECKING:
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
  POST /_sandbox/settle           run every request to its end
  POST /_sandbox/reset            forget everything

Fault switches
"""

SANDBOX_HELP = _RULES + "\n".join(f"  {name:<26}{spec.help}" for name, spec in FAULTS.items())


def __getattr__(name: str) -> Any:
    """The server comes late: its libraries are an extra, and the help text does without them."""
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
