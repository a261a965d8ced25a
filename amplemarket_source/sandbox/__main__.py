"""``python -m amplemarket_source.sandbox --port 8080``: the server as a process of its own.

Prints one line, the base URL, when it is ready.
"""

from __future__ import annotations

import argparse
import sys

import orjson

from amplemarket_source.sandbox import SANDBOX_HELP, SandboxOptions, changed, serve


def main() -> int:
    """Returns: the exit code; 2 for a setting that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m amplemarket_source.sandbox",
        description=SANDBOX_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--options", default="{}", help="SandboxOptions as JSON")
    parser.add_argument("--faults", default="[]", help="a JSON list of names or Fault objects")
    given = parser.parse_args()
    try:
        serve(
            given.host,
            given.port,
            changed(SandboxOptions(), orjson.loads(given.options)),
            faults=orjson.loads(given.faults),
            ready=lambda url: print(url, flush=True),
        )
    except (ValueError, TypeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
