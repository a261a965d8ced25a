"""The first runs of an upgrade, made by an older version; a copy of this file stands in its tree.

Reads a kill a line, plays the run that dies of it in a fork, and writes the exit status. It knows
the driver and the harness as they were in that version (`tests.crash.upgrade.OLD`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import amplemarket_source
from tests.crash import driver, harness


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    # Whatever else is written goes to stderr: the answers have the pipe to themselves.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)

        def answer(told: Any) -> None:
            print(json.dumps(told), file=answers, flush=True)

        answer([amplemarket_source.__file__, driver.__file__, harness.__file__])
        # Imports what a run needs, so that the forks need not.
        harness.undisturbed(folder / "reference", harness.Server(url), "waves")
        answer("ready")
        for line in sys.stdin:
            kill: dict[str, Any] = json.loads(line)

            def run(kill: dict[str, Any] = kill) -> None:
                if kill["when"]:
                    driver.die_at(kill["boundary"], kill["when"], kill["nth"])
                driver.run_once(folder / "case", url, kill["mode"], "hold")

            answer(harness.in_child(run))


if __name__ == "__main__":
    main()
