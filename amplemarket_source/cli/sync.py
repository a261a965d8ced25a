"""``sync``: the workspace as tables."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import click

from amplemarket_source.cli.options import target_options
from amplemarket_source.cli.output import Output, sync_line
from amplemarket_source.cli.run import say_new
from amplemarket_source.cli.sandbox import bundled_server
from amplemarket_source.cli.target import WORKSPACE, Target
from amplemarket_source.cli.texts import columns, number
from amplemarket_source.run.enrichment import in_background
from amplemarket_source.run.sync import WorkspaceSync
from amplemarket_source.settings import resolve_workspace_settings
from amplemarket_source.streams.catalog import STREAMS, streams_named

__all__ = ["sync"]

_HELP = f"""Keep users, tasks, calls, lead lists and the like as tables; costs nothing.

Only what is new or changed is loaded. What a whole listing has no more gets deleted_at and stays.
A stream that cannot be read leaves the others alone, is named, and makes the exit code 5.

STREAM is any of: {", ".join(STREAMS)}. Without one, all but
{", ".join(s.name for s in STREAMS.values() if not s.by_default)}.
"""


@click.command(help=_HELP)
@click.argument("streams", metavar="[STREAM ...]", nargs=-1)
@click.option("--full", is_flag=True, help="Read everything to its end, whatever is known.")
@click.option(
    "--sandbox",
    is_flag=True,
    help="Run against the bundled API server: no key, into tables of its own.",
)
@click.option(
    "--calls-overlap",
    metavar="AGE",
    help="Read calls again from so long before the last one known.  [default: 7d]",
)
@click.option(
    "--companies-dataset",
    metavar="NAME",
    help="Where run loads the companies of job_openings.  [default: amplemarket_data]",
)
@click.option("--requests-per-minute", type=float, metavar="N", help="[default: 500]")
@click.option("--base-url", metavar="URL", help="Of the API.")
@partial(target_options, names=WORKSPACE)
def sync(
    streams: tuple[str, ...],
    full: bool,
    sandbox: bool,
    output: Output,
    target: Target,
    **given: Any,
) -> None:
    streams_named(streams)
    if sandbox:
        target = target.apart()
    with ExitStack() as stack:
        where = stack.enter_context(bundled_server()) if sandbox else {}
        settings = resolve_workspace_settings(**given | where)
        pipeline = target.pipeline()
        say_new(target, output)
        work = WorkspaceSync(pipeline, settings, streams, is_full=full)
        with output.watching(partial(sync_line, work.report)):
            report = in_background(work.run, on_stop=work.stop)
    document = {**report.to_dict(), **target.describe()}
    output.answer(document, _text(report.headline, document))
    click.get_current_context().exit(document["exit_code"])


def _text(headline: str, document: Mapping[str, Any]) -> str:
    titles = ("STREAM", "STATUS", "LISTED", "CHANGED", "DELETED", "GONE", "PAGES")
    rows = [
        (
            name,
            one["status"].replace("_", " "),
            *(number(one[what]) for what in ("listed", "changed", "deleted", "gone", "pages")),
        )
        for name, one in document["streams"].items()
    ]
    calls, seconds = sum(document["api"]["calls"].values()), document["seconds"]
    lines = [headline, *columns([titles, *rows])]
    lines += [
        f"  ! {name}: {one['error']['message']}"
        for name, one in document["streams"].items()
        if one["error"]
    ]
    lines += [f"  ! {error['message']}" for error in document["errors"]]
    if document["rejects"]:
        counts = ", ".join(f"{count:,} {why}" for why, count in document["rejects"].items())
        lines.append(f"Rejects: {counts}")
    lines.append(f"{number(calls)} calls in {seconds.get('total', 0.0):,.1f} s.")
    return "\n".join([*lines, f"In {document['destination']}, dataset {document['dataset']}."])
