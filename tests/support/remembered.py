"""dlt's questions about types, answered once: a third of the processor's time in a small run.

For every setting it resolves and every table it validates, dlt takes apart the same annotations
and puts the same names together anew. The functions depend on nothing but what they are given, so a
test process may remember what they say; nothing else of dlt is touched.
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
from dlt.common.configuration.providers import provider
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
        "is_subclass",
        "is_union_type",
    ),
    provider: ("get_key_name",),
}


def remember_types() -> None:
    """Put a cache before each of the functions, wherever dlt has imported it."""
    for module, names in _PURE.items():
        for name in names:
            function = getattr(module, name)
            _put_before(function, _remembering(function))
    hints = typing_extensions.get_type_hints
    _put_before(hints, _remembering_hints(hints))


def _put_before(function: Callable[..., Any], remembering: Callable[..., Any]) -> None:
    for importer in list(sys.modules.values()):
        is_dlts = getattr(importer, "__name__", "").startswith("dlt")
        if is_dlts and vars(importer).get(function.__name__) is function:
            setattr(importer, function.__name__, remembering)


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    cached = functools.cache(function)

    @functools.wraps(function)
    def answer(*given: Any, **named: Any) -> Any:
        try:
            return cached(*given, **named)
        except TypeError:  # an annotation that cannot be hashed
            return function(*given, **named)

    return answer


def _remembering_hints(get_type_hints: Callable[..., Any]) -> Callable[..., Any]:
    """By the class, and whether names are looked up in its module, which is what dlt asks for."""
    known: dict[tuple[Any, bool], Any] = {}

    @functools.wraps(get_type_hints)
    def answer(obj: Any, globalns: Any = None, **named: Any) -> Any:
        module = sys.modules.get(obj.__module__)
        in_module = module is not None and globalns is vars(module)
        if named or not (in_module or globalns is None):
            return get_type_hints(obj, globalns=globalns, **named)
        if (obj, in_module) not in known:
            known[obj, in_module] = get_type_hints(obj, globalns=globalns)
        return known[obj, in_module]

    return answer
