"""The people a workspace knows, by number: contacts, entries of lead lists, what a search finds.

They are people as any lead's are: whoever enriches one by an address or a URL seen here gets the
same person back, with the same id.
"""

from __future__ import annotations

import re

from amplemarket_source.sandbox.identity import COMPANY_POOL, Subject, subject_of

__all__ = ["address", "full_name", "number_of", "subject_at"]

_FIRST_NAMES = (
    "Ada", "Bruno", "Chiara", "Dario", "Elif", "Farid", "Greta", "Hanna",
    "Ines", "Jonas", "Keiko", "Lamine", "Mira", "Nils", "Olga", "Paulo",
)  # fmt: skip
_LAST_NAMES = (
    "Arden", "Bellweather", "Castellane", "Dunmore", "Estrela", "Fairwind", "Grunwald",
    "Holloway", "Ivarsen", "Jardim", "Kestrel", "Lindholm", "Marlowe",
)  # fmt: skip
_NUMBERED = re.compile(r"[^@]*\.([0-9]{1,10})@.*")


def full_name(seed: int, number: int) -> tuple[str, str]:
    """First and last name of the person of that number."""
    drawn = number * 7 + seed
    return _FIRST_NAMES[drawn % len(_FIRST_NAMES)], _LAST_NAMES[drawn % len(_LAST_NAMES)]


def address(seed: int, number: int) -> str:
    """The address of the person of that number."""
    first, last = full_name(seed, number)
    local = f"{first}.{last}".lower()
    return f"{local}.{number}@company-{number % COMPANY_POOL:03d}.example"


def subject_at(seed: int, number: int) -> Subject:
    """Who has that number.

    Example::

        >>> subject_at(0, 5).domain
        'company-005.example'
    """
    return subject_of("people", {"email": address(seed, number)})


def number_of(seed: int, email: str) -> int | None:
    """The number of who has that address, None for an address of nobody here."""
    found = _NUMBERED.fullmatch(email.strip().casefold())
    if found is None:
        return None
    number = int(found[1])
    return number if address(seed, number) == email.strip().casefold() else None
