"""What a user wants of an export, decided from the file and not from what the code makes of it.

A lead is sent with every identifier that is good, a person with their own LinkedIn URL and id, and
a reject names the line that an editor shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from amplemarket_source.kinds import Kind

__all__ = ["NOT_ENOUGH", "OTHER_LENGTH", "Export"]

NOT_ENOUGH = "not_enough_to_identify"
OTHER_LENGTH = "wrong_number_of_columns"


@dataclass(frozen=True)
class Export:
    """What a user wants of a file.

    Attributes:
        read: rows; empty lines and the notes below a report do not count.
        columns: what is taken for what, the surest of them.
        leads: of each its external id, what it is found by, and the host it is sent with.
        first: all that is sent of the first lead.
        rejects: stage, reason and line.
        encoding: that the user has to say.
    """

    kind: Kind
    read: int
    invalid: int
    unique: int
    columns: dict[str, str]
    leads: tuple[tuple[str | None, str, str | None], ...]
    first: dict[str, str]
    rejects: tuple[tuple[str, str, int], ...] = ()
    encoding: str | None = None
