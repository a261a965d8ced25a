"""The command, for the tests that type it."""

from __future__ import annotations

from tests.cli.conftest import amplemarket, folder, leads, server

__all__ = ["amplemarket", "folder", "leads", "server"]
