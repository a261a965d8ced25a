"""The command in a folder of its own, as the tests of the command have it."""

from tests.cli.conftest import amplemarket, folder, server, tables

__all__ = ["amplemarket", "folder", "server", "tables"]
