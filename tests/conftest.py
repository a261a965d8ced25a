"""What every test shares: no telemetry, no waiting for the network of others."""

from __future__ import annotations

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
