"""The rules of the sandbox, as ``amplemarket sandbox --help`` prints them."""

from __future__ import annotations

from amplemarket_source.sandbox.fault_table import FAULTS

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
  POST /_sandbox/settle           run every request to its end
  POST /_sandbox/reset            forget everything

Fault switches
"""

SANDBOX_HELP = _RULES + "\n".join(f"  {name:<26}{spec.help}" for name, spec in FAULTS.items())
