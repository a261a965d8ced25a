"""Sphinx: pages in Markdown, one theme, nothing fetched. `make docs` builds them."""

import re
from pathlib import Path

project = "dlt-source-amplemarket"
author = "the maintainers"
copyright = "the maintainers"  # noqa: A001 - Sphinx's name of it
_ROOT = Path(__file__).parents[1]
_VERSION = re.search(r'^version = "(.+)"', (_ROOT / "pyproject.toml").read_text("utf-8"), re.M)
release = _VERSION[1] if _VERSION else ""

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 4
# Anchors of api-notes are written in HTML, because the repository's own view knows no other.
suppress_warnings = ["myst.xref_missing"]

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_sphinx = False
# A page in a browser without a network looks like any other.
html_theme_options = {"light_css_variables": {}, "source_repository": ""}
