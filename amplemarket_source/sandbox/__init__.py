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
``endpoint``, ``listing``, the three modules of endpoints, ``routes``, ``help``, ``app``,
``server``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from amplemarket_source.sandbox.options import SandboxOptions, Variant, WorkspaceSizes, changed

if TYPE_CHECKING:
    from amplemarket_source.sandbox.credits import Charge
    from amplemarket_source.sandbox.faults import FAULTS, Fault
    from amplemarket_source.sandbox.help import SANDBOX_HELP
    from amplemarket_source.sandbox.identity import lead_identity, subject_of
    from amplemarket_source.sandbox.server import SandboxServer, serve
    from amplemarket_source.sandbox.state import Call, Sandbox
    from amplemarket_source.sandbox.workspace import Workspace

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

_HOMES = {
    "FAULTS": "faults",
    "SANDBOX_HELP": "help",
    "Call": "state",
    "Charge": "credits",
    "Fault": "faults",
    "Sandbox": "state",
    "SandboxServer": "server",
    "Workspace": "workspace",
    "lead_identity": "identity",
    "serve": "server",
    "subject_of": "identity",
}


def __getattr__(name: str) -> Any:
    """What is here comes when it is asked for: a command without the server does not pay for it,
    and the server's libraries are an extra that the help does without."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"The sandbox needs {error.name}: "
            "python -m pip install 'starlette>=0.40' 'uvicorn>=0.30'",
            name=error.name,
        ) from None
    return getattr(home, name)
