"""An API server to try things on: the vendor's API as documented, people invented, nothing paid.

It is a real HTTP server and as strict as the guide. Use it for demos, and to test a pipeline of
your own::

    with SandboxServer(SandboxOptions(polls_until_done=1)) as server:
        pipeline.run(amplemarket(leads=leads, base_url=server.url, api_key="sandbox-key"))
        assert server.sandbox.account.email_spent == 0.5 * len(leads)

One lead always gives one person, in every process: who comes back is computed from the lead
(``SANDBOX_HELP`` has the rules, ``FAULTS`` the switches for what can go wrong).

The modules: ``options`` and ``identity`` (who a lead is), ``people`` and ``companies`` (invented
answers), ``validation``, ``credits``, ``enrichments`` (progress and pages), ``endpoints``,
``faults``, ``state``, ``app``, ``server``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amplemarket_source.errors import SettingsError
from amplemarket_source.sandbox.credits import Charge
from amplemarket_source.sandbox.fault_table import FAULTS
from amplemarket_source.sandbox.faults import Fault
from amplemarket_source.sandbox.help import SANDBOX_HELP
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


def __getattr__(name: str) -> Any:
    """The server comes late: its libraries are an extra, and the help text does without them."""
    if name not in ("SandboxServer", "serve"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from amplemarket_source.sandbox import server
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the sandbox needs {error.name}: pip install 'dlt-source-amplemarket[sandbox]'."
        ) from None
    return getattr(server, name)
