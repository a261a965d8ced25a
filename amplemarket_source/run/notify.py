"""Tells somebody of a run that does not go on by itself, through dlt's own Slack hook.

Where ``RUNTIME__SLACK_INCOMING_HOOK`` is set, a run that is held, was stopped by credits or broke
is told there: which pipeline, with what exit code, what is open and what to do. A run that only
needs time is not: the next one goes on with it. Nothing of a person is in the message, and neither
is what an error says.
"""

from __future__ import annotations

import logging
import threading

import dlt
from dlt.common.runtime.slack import send_slack_message

from amplemarket_source.errors import AmplemarketError, ExitCode
from amplemarket_source.report import RunReport

__all__ = ["notify"]

logger = logging.getLogger("amplemarket")

_PATIENCE = 10.0  # seconds

_MEANING = {
    ExitCode.UNEXPECTED: ("broke: a mistake of the program", "amplemarket resume --debug"),
    ExitCode.USAGE: ("was refused: a setting or the input is wrong", "amplemarket doctor"),
    ExitCode.KEY_REFUSED: ("was stopped: the API refuses the key", "amplemarket doctor"),
    ExitCode.CREDITS: ("was stopped by credits, the cap's or the account's", "amplemarket status"),
    ExitCode.UNFINISHED: ("waits for a decision", "amplemarket status"),
    ExitCode.API: ("was stopped: the API broke its contract", "amplemarket doctor"),
    ExitCode.DESTINATION: ("was stopped: the destination failed", "amplemarket doctor"),
}


def notify(pipeline: dlt.Pipeline, report: RunReport, error: BaseException | None = None) -> None:
    """Tell of a run that needs somebody, if dlt is told where.

    What goes wrong with the message is logged; the run is over and stays what it was.

    Args:
        report: of the run.
        error: what ended it; None where it came to its end.

    Example::

        os.environ["RUNTIME__SLACK_INCOMING_HOOK"] = "https://hooks.example/T0/B0/x"
        enrich(pipeline, leads="leads.csv")    # if a batch is held, it is told there
    """
    code = report.exit_code if error is None else _code_of(error)
    if code not in _MEANING or (code == ExitCode.UNFINISHED and not report.needs_a_person):
        return
    hook = pipeline.runtime_config.slack_incoming_hook
    if not hook:
        return
    message = _message(pipeline, report, code)

    def send() -> None:
        try:
            send_slack_message(hook, message)
        except Exception as failure:
            # Its text can hold the address, which is a secret.
            logger.warning("The run could not be told of at Slack (%s).", type(failure).__name__)

    # In a thread of its own, because dlt waits for an answer without an end.
    sender = threading.Thread(target=send, name="amplemarket-notify", daemon=True)
    sender.start()
    sender.join(_PATIENCE)


def _code_of(error: BaseException) -> int:
    if isinstance(error, AmplemarketError):
        return int(error.exit_code)
    return ExitCode.UNEXPECTED if isinstance(error, Exception) else ExitCode.INTERRUPTED


def _message(pipeline: dlt.Pipeline, report: RunReport, code: int) -> str:
    meaning, command = _MEANING[ExitCode(code)]
    at_stake = sum(report.held_requests.values())
    open_ = {
        "requests held": len(report.held_requests),
        "requests expired": len(report.expired_requests),
        "requests still running": len(report.running_requests),
        "leads not bought": report.leads_not_bought,
    }
    counts = "".join(f", {count:,} {what}" for what, count in open_.items() if count)
    stake = f", {at_stake:,.1f} credits at stake" if at_stake else ""
    return (
        f"*Amplemarket*: the run of pipeline `{pipeline.pipeline_name}` into "
        f"`{pipeline.dataset_name}` {meaning} (exit code {int(code)}){counts}{stake}. "
        f"See `{command}`."
    )
