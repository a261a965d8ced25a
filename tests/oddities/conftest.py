"""The empty warehouse that every pair of runs starts from, and the command."""

from __future__ import annotations

from tests.cli.conftest import amplemarket, folder, leads, server
from tests.purchase.conftest import empty_warehouse, shop

__all__ = ["amplemarket", "empty_warehouse", "folder", "leads", "server", "shop"]
