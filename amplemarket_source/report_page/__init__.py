"""Private. What was bought, found, held and spent, as figures and as one page without a person.

`queries` has the SQL, `read` runs it, `figures` is what comes of it, `page` makes the HTML.
"""

from amplemarket_source.report_page.figures import Figures
from amplemarket_source.report_page.page import render
from amplemarket_source.report_page.read import figures

__all__ = ["Figures", "figures", "render"]
