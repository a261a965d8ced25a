"""What to do with fields that no column was made for yet: dlt's modes, without dlt's losses.

dlt's own contracts look at a load that is already extracted. ``freeze`` then fails it, and every
later run on the same answer, and the ``discard`` modes drop what was paid for without a word
(api-notes: dlt-contracts). So the tables decide themselves, field by field as the answers are read,
and dlt is handed tables that evolve (`amplemarket_source.schema.hints`):

=================  ============================================================================
``columns``        a field without a column
=================  ============================================================================
``evolve``         gets one
``discard_value``  its value is in ``rejects`` (stage ``field``)
``discard_row``    the person or company that has it is in ``rejects`` whole (stage ``result``),
                   and a person's company alone where only that has it; the lead's outcome is
                   recorded, so nothing is bought again. A field beside the person, of the row
                   itself, is in ``rejects`` alone
``freeze``         as ``discard_value``, and ``amplemarket run`` ends with exit code 6
=================  ============================================================================

Every mode holds from the first load on; whoever wants to keep the columns of today and no others
lets a first run evolve. The fields of experiences, educations, languages and locations are not
documented, so without such a run they have no columns at all. Whatever the mode, fields that were
refused are named in the run's summary.

The other two entities of a contract have nothing to decide. ``tables``: the tables are those of
the contract, all of them from the first load on. ``data_type``: no column ever changes its type; a
value is changed where it stays the same, and in ``rejects`` otherwise
(`amplemarket_source.transform.values`).

Where the contract comes from: the setting ``schema_contract``, and where that is not given what
dlt was told, by ``pipeline.run(amplemarket(...), schema_contract=...)`` or by a hint on a resource.
A hint on one of them counts for all tables. In a plain ``pipeline.run`` no mode can end the run
with an error, because a load that has ended cannot be followed by one, and one that has not would
be lost; so ``freeze`` is logged as an error there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from dlt.extract import DltSource

from amplemarket_source.errors import SettingsError

__all__ = ["SchemaContract"]

_Mode = Literal["evolve", "discard_value", "discard_row", "freeze"]
_ENTITIES = ("tables", "columns", "data_type")


@dataclass(frozen=True)
class SchemaContract:
    """The mode for new columns.

    Example:
        >>> SchemaContract.of({"columns": "freeze", "data_type": "evolve"}).columns
        'freeze'
    """

    columns: _Mode = "evolve"

    @classmethod
    def of(cls, given: Any) -> SchemaContract:
        """From dlt's spellings: one mode, or a mapping of entity to mode; None evolves.

        Raises:
            SettingsError: there is no such mode or entity.
        """
        modes: Mapping[Any, Any] = given if isinstance(given, Mapping) else {"columns": given}
        for entity, mode in modes.items():
            if entity not in _ENTITIES or mode not in (None, *get_args(_Mode)):
                raise SettingsError(
                    "sources.amplemarket.schema_contract: must be one of "
                    f"{', '.join(get_args(_Mode))}, or a table of {', '.join(_ENTITIES)} to these."
                )
        return cls(cast("_Mode", modes.get("columns") or "evolve"))

    @classmethod
    def taken_from(cls, source: DltSource) -> SchemaContract:
        """What dlt was told for a source that is being extracted; from now on dlt evolves.

        The first that does not evolve, of the source's own and its resources'.
        """
        told: list[Any] = [source.schema_contract]
        for resource in source.resources.values():
            told.append(resource.schema_contract)
            resource.apply_hints(schema_contract="evolve")
        contracts = [cls.of(given) for given in told if not callable(given)]
        return next((one for one in contracts if not one.takes_new), cls())

    @property
    def takes_new(self) -> bool:
        """Whether new fields become columns."""
        return self.columns == "evolve"

    @property
    def discards_rows(self) -> bool:
        """Whether one new field is reason enough to reject whom it belongs to."""
        return self.columns == "discard_row"

    @property
    def is_frozen(self) -> bool:
        """Whether a new field is an error."""
        return self.columns == "freeze"
