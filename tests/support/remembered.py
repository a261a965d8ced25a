"""dlt's questions about types, answered once: a seventh of the processor's time in a small run.

For every setting it resolves and every table it validates, dlt takes apart the same annotations
anew. The functions depend on nothing but the annotation, so a test process may remember what they
say; nothing else of dlt is touched.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import dlt.common.typing
import dlt.common.validation
import typing_extensions
from dlt.common.configuration.specs import base_configuration

__all__ = ["remember_types"]

_PURE: dict[ModuleType, tuple[str, ...]] = {
    base_configuration: (
        "extract_inner_hint",
        "is_base_configuration_inner_hint",
        "is_secret_hint",
        "is_valid_hint",
    ),
    dlt.common.typing: (
        "extract_inner_type",
        "is_literal_type",
        "is_optional_type",
        "is_union_type",
    ),
    typing_extensions: ("get_type_hints",),
}


def remember_types() -> None:
    """Put a cache before each of the functions, wherever dlt has imported it."""
    for module, names in _PURE.items():
        for name in names:
            function = getattr(module, name)
            remembering = _remembering(function)
            for importer in list(sys.modules.values()):
                is_dlts = getattr(importer, "__name__", "").startswith("dlt")
                if is_dlts and vars(importer).get(name) is function:
                    setattr(importer, name, remembering)


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    cached = functools.cache(function)

    @functools.wraps(function)
    def answer(*given: Any, **named: Any) -> Any:
        try:
            return cached(*given, **named)
        except TypeError:  # an annotation that cannot be hashed
            return function(*given, **named)

    return answer
