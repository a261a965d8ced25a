"""Figures as a person reads them."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from amplemarket_source.model import Batch, KindPlan, Plan

__all__ = [
    "DEBUG_HELP",
    "cap_text",
    "columns",
    "columns_line",
    "counted",
    "credits_of",
    "json_text",
    "number",
    "plan_line",
    "plan_text",
    "question",
    "shown",
    "summary_text",
    "taken_text",
    "write_summary",
]

DEBUG_HELP = "Show the traceback of an error; it can hold personal data."
_NOT_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_KEPT = "\n\t\u200c\u200d"  # the joiners are part of words, and of emoji

_SECTION = "  {:<12}{}"
_NEW_FIELDS_SHOWN = 4


def json_text(document: Mapping[str, Any]) -> str:
    """What ``--json`` prints."""
    return json.dumps(document, indent=2, default=str)


def write_summary(file: Path, document: Mapping[str, Any]) -> None:
    """Write the document of a command, whole or not at all.

    A file that cannot be written is said, and changes nothing of what the command did.
    """
    half = file.with_name(f".{file.name}.part")
    try:
        half.write_text(f"{json_text(document)}\n", encoding="utf-8")
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        click.echo(f"--summary-file {file}: {error.strerror}; it was not written.", err=True)


def shown(text: str) -> str:
    """``text`` with what a terminal would obey instead of show written as an escape.

    Profiles, the API's codes, headers and file names come from strangers: escape sequences,
    carriage returns, marks that turn the direction of writing.

    Example:
        >>> shown("Ada\\x1b]52;c;bHM=\\x07")
        'Ada\\\\x1b]52;c;bHM=\\\\x07'
    """
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in _NOT_SHOWN
        else character.encode("unicode_escape").decode()
        for character in text
    )


def number(value: float) -> str:
    """``1234.5`` as ``1,234.5``, ``3.0`` as ``3``."""
    return f"{value:,.1f}".removesuffix(".0")


def counted(count: float, noun: str) -> str:
    """``1 request``, ``1,234 requests``."""
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of text set in columns of equal width."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def plan_line(plan: KindPlan) -> str:
    """The plan of one kind in a line, before the money is spent."""
    if not plan.batches:
        return f"{plan.kind}: {counted(plan.read, 'row')} read, nothing to buy."
    return (
        f"{plan.kind}: {counted(plan.read, 'row')} read, {number(plan.to_buy)} to buy in "
        f"{counted(len(plan.batches), 'request')}, at most {_credits(plan)}, "
        f"at least {plan.least_seconds:,.0f} s{_pace(plan, ' at the rate limit')}."
    )


def _pace(plan: KindPlan, at_the_limit: str) -> str:
    """What decides the least time: the API, where it says how fast it works, or our calls."""
    per_hour = plan.batches[0].kind.per_hour if plan.batches else None
    return at_the_limit if per_hour is None else f", since the API works off {per_hour:,} an hour"


def taken_text(plan: KindPlan) -> str:
    """What was taken for what, where an input has columns of its own."""
    return ", ".join(
        name if names == [name] else f"{name} from {', else '.join(map(repr, names))}"
        for name, names in plan.columns.items()
    )


def columns_line(plan: KindPlan) -> str:
    """Which columns of an input are read and which are not, in a line."""
    ignored = f"; not read: {', '.join(plan.ignored_columns)}" if plan.ignored_columns else ""
    return f"{plan.kind}: read {taken_text(plan)}{ignored}."


def question(plan: Plan) -> str:
    """What is asked before the money is spent, without the question mark."""
    what = {each.kind for each in plan.kinds if each.batches}
    if what == {"emails"}:
        many = f"{number(plan.to_buy)} address{'' if plan.to_buy == 1 else 'es'}"
        return f"Validate {many} for at most {credits_of(plan.batches)}"
    return f"Buy {counted(plan.to_buy, 'lead')} for at most {credits_of(plan.batches)}"


def plan_text(plan: KindPlan) -> str:
    """The plan of one kind, for ``amplemarket plan``."""
    at_the_limit = f" at {plan.requests_per_minute:g} calls a minute"
    in_flight = number(plan.in_flight) + (f" ({number(plan.held)} held)" if plan.held else "")
    rows = [
        ("rows read", number(plan.read)),
        ("invalid", number(plan.invalid)),
        ("duplicate", number(plan.duplicate)),
        ("fresh", number(plan.fresh)),
        ("suppressed", number(plan.suppressed)),
        ("in flight", in_flight),
        ("to buy", number(plan.to_buy)),
        ("requests", number(len(plan.batches))),
        ("at most", _credits(plan)),
        ("estimate", _estimate(plan)),
        ("at least", f"{plan.least_seconds:,.0f} s{_pace(plan, at_the_limit)}"),
    ]
    if plan.incomplete:
        rows.insert(2, ("incomplete", f"{number(plan.incomplete)} sent without a field (rejects)"))
    if plan.blank:
        rows.insert(1, ("blank", f"{number(plan.blank)} without an address, passed over"))
    if taken := taken_text(plan):
        rows.append(("read", taken))
    if plan.ignored_columns:
        rows.append(("not read", ", ".join(plan.ignored_columns)))
    return "\n".join([f"Plan for {plan.kind} (nothing was sent)", *map(_line, rows)])


def cap_text(plan: Plan) -> str:
    """Where a run would stop for want of credits, as a line of ``amplemarket plan``."""
    cap = plan.cap
    if cap is None:
        return ""
    used = f", {number(cap.committed)} of them committed" if cap.committed else ""
    paid_for, beyond = plan.to_buy - plan.leads_beyond_cap, plan.leads_beyond_cap
    stops = (
        f"it stops after {counted(paid_for, 'lead')}, {number(beyond)} would not be bought"
        if beyond
        else "enough for all"
    )
    return "\n" + _line(("cap", f"{number(cap.credits)} credits for the {cap.per}{used}: {stops}"))


def summary_text(document: Mapping[str, Any], arguments: str, headline: str = "") -> str:
    """A run in ten seconds of reading.

    Args:
        document: what ``--json`` prints.
        arguments: for the commands that it proposes, see ``Target.arguments``.
        headline: in place of the one that says whether every lead is settled.
    """
    sections = [
        ("input", _input_text(document)),
        ("bought", _bought_text(document)),
        ("outcome", _listed(document["outcomes"])),
        ("credits", _credit_text(document)),
        ("rejects", _listed(document["rejects"])),
        ("new fields", _new_fields_text(document)),
        ("time", _time_text(document)),
        ("where", f"{document['destination']}, dataset {document['dataset']}"),
    ]
    return "\n".join(
        [
            headline or _headline(document),
            *[_line(section) for section in sections if section[1]],
            *_table_lines(document["rows"], document["tables"]),
            *[f"  ! {error['message']}" for error in document["errors"]],
            *_next_steps(document, arguments),
        ]
    )


def _table_lines(loaded: Mapping[str, int], tables: Mapping[str, int]) -> list[str]:
    shown = [name for name, count in tables.items() if count]
    if not shown:
        return []
    rows = [(name, number(tables[name]), number(loaded.get(name, 0))) for name in shown]
    width = max(len(name) for name in shown)
    return [
        f"  {'table':<{width}}  {'rows':>12}  {'this run':>12}",
        *[f"  {name:<{width}}  {count:>12}  {new:>12}" for name, count, new in rows],
    ]


def _new_fields_text(document: Mapping[str, Any]) -> str:
    fields: Mapping[str, str] = document["new_fields"]
    loaded, all_requests = document["requests"]["loaded"], document["tables"]
    if fields and loaded == all_requests.get("enrichment_requests"):
        # The first answers of all bring what no later ones are likely to: no news.
        return f"{counted(len(fields), 'undocumented column')} kept (--json names them)"
    names = [f"{name} ({data_type})" for name, data_type in fields.items()]
    rest = len(names) - _NEW_FIELDS_SHOWN
    more = [f"and {rest:,} more (--json names them)"] if rest > 0 else []
    return ", ".join(names[:_NEW_FIELDS_SHOWN] + more)


def _headline(document: Mapping[str, Any]) -> str:
    if document["exit_code"] == 0:
        return "Done: every lead is settled."
    return f"Not everything is settled (exit code {document['exit_code']})."


def _next_steps(document: Mapping[str, Any], arguments: str) -> list[str]:
    requests, steps = document["requests"], []
    for key, at_stake in requests["held"].items():
        steps.append(
            f"  > {number(at_stake)} credits at stake, nobody knows whether the API took it: "
            f"amplemarket release {key} --drop{arguments} (or --resubmit)"
        )
    steps += [
        f"  > the API does not know this request any more: "
        f"amplemarket release {key} --drop{arguments} (or --resubmit)"
        for key in requests["expired"]
    ]
    steps += [
        f"  > request {key} is of {buyer}: run `amplemarket resume{arguments}` with its key"
        for key, buyer in requests["of_others"].items()
    ]
    if requests["running"]:
        steps.append(
            f"  > still running: {counted(len(requests['running']), 'request')}: "
            f"amplemarket resume{arguments} (or status, then cancel REQUEST_ID)"
        )
    leads = document["leads"]
    in_vain = document["outcomes"].get("unanswered", 0) - leads["never_asked"]
    if in_vain:
        steps.append(
            f"  > {counted(in_vain, 'lead')} without a row in a completed answer: as not found, "
            "asked for again after retry_not_found_after"
        )
    left = Counter(leads["not_bought_for"])
    if capped := left.pop("max_credits", 0):
        helps = _beyond_cap(document["cap"], leads["bought"])
        steps.append(f"  > max_credits does not pay for {counted(capped, 'lead')}: {helps}")
    left["never_asked"] = leads["never_asked"]
    if left.total():
        is_poor = any(error["error"] == "InsufficientCredits" for error in document["errors"])
        when = "once the account has credits, " if is_poor else ""
        again = "a later run" if "canceled" in document else "the same command again"
        steps.append(f"  > {when}{again} buys what is missing")
    return steps


def _beyond_cap(cap: Mapping[str, Any], bought: int) -> str:
    """What would help; the same command again only where it would not stop the same way."""
    more = "a higher --max-credits buys them"
    if cap["max_credits_per"] != "run":
        ends = {"day": "midnight", "month": "the end of the month"}[cap["max_credits_per"]]
        return f"{more}, or the same command after {ends} (UTC)"
    return f"the same command again buys the next ones; {more} at once" if bought else more


def _input_text(document: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{number(plan['read'])} {plan['kind']} rows: {number(plan['to_buy'])} to buy, "
        f"{number(plan['fresh'])} known, {number(plan['duplicate'])} duplicate, "
        f"{number(plan['invalid'])} invalid"
        + "".join(
            f", {number(plan[name])} {name.replace('_', ' ')}"
            for name in ("suppressed", "in_flight", "blank")
            if plan[name]
        )
        for plan in document["plans"]
    )


def _bought_text(document: Mapping[str, Any]) -> str:
    requests, leads = document["requests"], document["leads"]
    text = f"{counted(leads['bought'], 'lead')} in {counted(requests['bought'], 'request')}"
    if leads["not_bought"]:
        text += f", {number(leads['not_bought'])} not bought"
    if requests["resumed"]:
        text += f"; {counted(requests['resumed'], 'earlier request')} resumed"
    return text


def _credit_text(document: Mapping[str, Any]) -> str:
    """What the answers come to, and the most that the run's own requests can come to."""
    figures: Mapping[str, float] = document["credits"]

    def listed(suffix: str) -> str:
        kinds = ("email", "phone")
        return ", ".join(f"{number(figures.get(f'{k}_credits_{suffix}', 0))} {k}" for k in kinds)

    if not figures:
        return ""
    # A run that bought nothing has only answers of earlier ones, each with a most of its own.
    at_most = f", at most {listed('max')}" if document["requests"]["bought"] else ""
    return f"{listed('estimated')} (estimated){at_most}"


_STAGES = {"plan": "plan", "wait": "wait for the API", "flatten": "flatten", "load": "load"}


def _time_text(document: Mapping[str, Any]) -> str:
    seconds, api = document["seconds"], document["api"]
    stages = [f"{words} {seconds[name]:,.1f}" for name, words in _STAGES.items() if name in seconds]
    text = f"{seconds.get('total', 0.0):,.1f} s: {', '.join(stages)}"
    if api["calls"]:
        text += f"; beside them {number(sum(api['calls'].values()))} calls"
        text += f" of {api['fetch_seconds']:,.1f} s in all"
        if api["pacing_seconds"] >= 1:
            text += f", {api['pacing_seconds']:,.0f} s held back by the rate limit"
    return text


def _listed(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{number(count)} {name}" for name, count in counts.items())


def _estimate(plan: KindPlan) -> str:
    email, phone = plan.email_credits_estimated, plan.phone_credits_estimated
    if not plan.batches:
        return "nothing is to buy"
    if plan.hit_rate is None or email is None or phone is None:
        return "none yet: nothing of this kind was bought before"
    if plan.kind == "emails":
        return f"{number(email)} email credits: an address costs one whatever the verdict"
    return (
        f"{number(email)} email and {number(phone)} phone credits "
        f"if {plan.hit_rate:.0%} are found, as so far"
    )


def _credits(plan: KindPlan) -> str:
    email, phone = plan.email_credits_max, plan.phone_credits_max
    return f"{number(email)} email and {number(phone)} phone credits"


def credits_of(batches: Iterable[Batch]) -> str:
    """The most that batches can cost."""
    batches = list(batches)
    email, phone = sum(b.email_credits for b in batches), sum(b.phone_credits for b in batches)
    return f"{number(email)} email and {number(phone)} phone credits"


def _line(row: tuple[str, str]) -> str:
    return _SECTION.format(*row)
