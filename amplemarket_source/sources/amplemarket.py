"""The dlt source, under the name by which dlt looks for it (api-notes: dlt-plugins).

Example::

    SourceReference.from_reference("amplemarket", source_kwargs={"leads": "leads.csv"})
"""

from amplemarket_source.source import amplemarket

__all__ = ["amplemarket"]
