"""Named fault switches: what can go wrong between a client and the API, on demand.

A switch is on until it is switched off, or for the next ``count`` answers it applies to. Each
has calls it applies to by itself (a POST, a poll, a page); ``method`` and ``path`` choose others.
``FAULTS`` is the whole list, with what each does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from amplemarket_source.sandbox.exchange import Exchange
from amplemarket_source.sandbox.fault_table import FAULTS, Stage

__all__ = ["Fault", "FaultBook", "FaultLike"]


@dataclass(frozen=True)
class Fault:
    """A switch that is on.

    Attributes:
        name: a key of ``FAULTS``.
        value: what the switch takes, if it takes something: a header, a host, seconds, a patch.
        count: for how many answers; None is until it is switched off.
        method: only calls of this method (``POST``).
        path: only calls whose path and query contain this (``page[after]``).

    Raises:
        ValueError: there is no such switch, or the count is not a whole number above zero.

    Example::

        Fault("poll_503", count=3)
        Fault("html_body", method="POST")
        Fault("retry_after", value="Wed, 21 Oct 2026 07:28:00 GMT")
    """

    name: str
    value: Any = None
    count: int | None = None
    method: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no fault switch {self.name!r}; there are: {', '.join(FAULTS)}")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise ValueError(f"count of {self.name}: must be a whole number above zero")

    @classmethod
    def of(cls, given: FaultLike) -> Fault:
        """From a name (``retry_after:0.5`` has the value ``0.5``), or from the attributes.

        Raises:
            ValueError, TypeError: it describes no switch.
        """
        if isinstance(given, Fault):
            return given
        if isinstance(given, str):
            name, colon, value = given.partition(":")
            return cls(name, value if colon else None)
        return cls(**given)

    def applies_to(self, exchange: Exchange) -> bool:
        """By its own filter, or where it has none by the switch's."""
        spec = FAULTS[self.name]
        method, path = self.method, self.path
        if method is None and path is None:
            method, path = spec.method, spec.path
        target = f"{exchange.path}?{urlencode(exchange.query, safe='[]')}"
        return method in (None, exchange.method) and (path or "") in target


FaultLike = Fault | str | Mapping[str, Any]


class FaultBook:
    """The switches that are on."""

    def __init__(self, faults: Iterable[FaultLike] = ()) -> None:
        self.active: list[Fault] = []
        self.set(faults)

    def set(self, faults: Iterable[FaultLike]) -> None:
        """Make these the ones that are on."""
        self.active = [Fault.of(fault) for fault in faults]

    def apply(self, stage: Stage, exchange: Exchange) -> None:
        """Let every switch of a stage that applies to the call do its work."""
        for fault in list(self.active):
            spec = FAULTS[fault.name]
            if (
                spec.stage == stage
                and fault.applies_to(exchange)
                and spec.apply(exchange, fault.value)
            ):
                self._use(fault)

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        place = next(place for place, active in enumerate(self.active) if active is fault)
        if fault.count > 1:
            self.active[place] = replace(fault, count=fault.count - 1)
        else:
            del self.active[place]
