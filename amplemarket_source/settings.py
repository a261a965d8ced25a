"""The settings under ``sources.amplemarket``, resolved dlt's way.

Arguments come first, then the environment (``SOURCES__AMPLEMARKET__REVEAL_EMAIL=true``), then
``.dlt/config.toml`` and ``.dlt/secrets.toml``.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Any, Dict, List, Literal, Optional, get_args  # noqa: UP035 - dlt evaluates them

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.base_configuration import NotResolved, extract_inner_hint
from dlt.common.typing import TSecretStrValue

from amplemarket_source.errors import SettingsError
from amplemarket_source.headers import ColumnMap
from amplemarket_source.model import DEFAULT_BASE_URL, NO_API_KEY, Period
from amplemarket_source.schema.registry import SchemaContract

__all__ = [
    "LEADS_PER_REQUEST",
    "MAX_REQUESTS_IN_FLIGHT",
    "NO_KEY_NEEDED",
    "SECTIONS",
    "SETTING_NAMES",
    "WORKSPACE",
    "WORKSPACE_SETTING_NAMES",
    "ResolvedHere",
    "Settings",
    "WorkspaceSettings",
    "parse_age",
    "resolve_settings",
    "resolve_workspace_settings",
]

SECTIONS = ("sources", "amplemarket")
WORKSPACE = "amplemarket_workspace"
"""The section, and the name, of the source of the workspace."""

LEADS_PER_REQUEST = 2_500
"""25 pages: the POST and the polls weigh little, and a held batch puts little at stake."""

MAX_REQUESTS_IN_FLIGHT = 16
"""Cursors are read one after the other, so the rate limit is reached by reading side by side."""

NO_KEY_NEEDED = "not-needed"
"""The key of what never calls the API."""

_LONGEST_LABEL = 200
_FULL_NAME_ONLY: dict[str, type] = {
    "label": str,
    "columns": dict,
    "keep_columns": list,
    "encoding": str,
}
_LARGEST_REQUEST = 10_000  # the safer of the guide's two figures (api-notes: batch-size)
_AGE = re.compile(r"\s*(\d+)\s*([smhdw])\s*")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@configspec
class ResolvedHere(BaseConfiguration):
    """Of a dlt source: no field, so dlt injects nothing. It cannot tell a default from what was
    given (api-notes: dlt-sections)."""


@configspec
class Settings(BaseConfiguration):
    """Every setting of the contract; the README explains them for users.

    Ages are text such as ``30d``, ``12h`` or ``0s``. ``None`` for ``refresh_after`` means that
    an enriched lead is never bought again, for ``max_credits`` that there is no cap, and for
    ``schema_contract`` what dlt was told (`amplemarket_source.schema.registry`).
    """

    api_key: TSecretStrValue = dlt.secrets.value
    base_url: str = DEFAULT_BASE_URL
    requests_per_minute: float = 500
    leads_per_request: int = LEADS_PER_REQUEST
    max_requests_in_flight: int = MAX_REQUESTS_IN_FLIGHT
    reveal_email: bool = False
    reveal_phone_numbers: bool = False
    refresh_after: Optional[str] = None  # noqa: UP045 - dlt reads the annotation at run time
    retry_not_found_after: str = "30d"
    max_credits: Optional[float] = None  # noqa: UP045
    max_credits_per: Literal["run", "day", "month"] = "run"
    poll_timeout: str = "1h"
    on_ambiguous: Literal["hold", "resubmit"] = "hold"
    schema_contract: Optional[Any] = None  # noqa: UP045
    max_invalid: float = 0.5
    # Not dlt's to look for: it would take COLUMNS, LABEL and ENCODING of the environment for them,
    # and terminals set the first (api-notes: dlt-bare-names).
    label: Annotated[Optional[str], NotResolved()] = None  # noqa: UP045
    columns: Annotated[Optional[Dict[str, Any]], NotResolved()] = None  # noqa: UP006, UP045
    keep_columns: Annotated[Optional[List[str]], NotResolved()] = None  # noqa: UP006, UP045
    encoding: Annotated[Optional[str], NotResolved()] = None  # noqa: UP045

    def on_resolved(self) -> None:
        """Refuse what cannot be, before anything is sent.

        Raises:
            SettingsError: naming the setting.
        """
        if not 1 <= self.leads_per_request <= _LARGEST_REQUEST:
            raise _wrong("leads_per_request", f"must be from 1 to {_LARGEST_REQUEST:,}")
        if self.max_requests_in_flight < 1:
            raise _wrong("max_requests_in_flight", "must be at least 1")
        if not (0 < self.requests_per_minute < math.inf):
            raise _wrong("requests_per_minute", "must be a number more than 0")
        if self.max_credits is not None and not (0 <= self.max_credits < math.inf):
            # Also NaN, which no comparison would ever stop at.
            raise _wrong("max_credits", "must be a number, 0 or more")
        if self.max_credits_per not in get_args(Period):
            raise _wrong("max_credits_per", "must be run, day or month")
        if not 0 <= self.max_invalid <= 1:
            raise _wrong("max_invalid", "must be a share from 0 to 1")
        if self.label is not None and (len(self.label) > _LONGEST_LABEL or "\n" in self.label):
            raise _wrong("label", f"must be one line of at most {_LONGEST_LABEL} characters")
        SchemaContract.of(self.schema_contract)
        _ = self.column_map
        for name in ("refresh_after", "retry_not_found_after", "poll_timeout"):
            value = getattr(self, name)
            if value is not None:
                parse_age(value, setting=name)

    def with_changes(self, **changes: Any) -> Settings:
        """These settings with some others; what was resolved is not resolved again."""
        changed: Settings = self.copy()
        for name, value in changes.items():
            setattr(changed, name, value)
        changed.on_resolved()
        return changed

    @property
    def column_map(self) -> ColumnMap:
        """What the user says of the columns of an input."""
        return ColumnMap(self.columns or {}, tuple(self.keep_columns or ()))

    @property
    def refresh_age(self) -> timedelta | None:
        return None if self.refresh_after is None else parse_age(self.refresh_after)

    @property
    def not_found_age(self) -> timedelta:
        return parse_age(self.retry_not_found_after)

    @property
    def poll_seconds(self) -> float:
        return parse_age(self.poll_timeout).total_seconds()


@configspec
class WorkspaceSettings(Settings):
    """What enrichment's settings say of the API, and two of its own.

    ``calls_overlap`` is an age: calls are read again from so long before the last one known, since
    notes and dispositions come later. ``companies_dataset`` is where enrichment loads companies.
    """

    calls_overlap: str = "7d"
    companies_dataset: str = "amplemarket_data"

    def on_resolved(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingsError: naming the setting.
        """
        super().on_resolved()
        parse_age(self.calls_overlap, setting="calls_overlap")

    @property
    def overlap(self) -> timedelta:
        return parse_age(self.calls_overlap)


SETTING_NAMES: frozenset[str] = frozenset(Settings.__dataclass_fields__) - frozenset(
    BaseConfiguration.__dataclass_fields__
)
"""The names under ``sources.amplemarket``."""


WORKSPACE_SETTING_NAMES = frozenset(
    {"api_key", "base_url", "requests_per_minute", "calls_overlap", "companies_dataset"}
)
"""The names under ``sources.amplemarket_workspace`` that the source and the command take."""


def parse_age(text: str, *, setting: str = "age") -> timedelta:
    """``"30d"`` as a duration; units are s, m, h, d and w.

    Raises:
        SettingsError: the text is not a whole number with a unit.

    Example:
        >>> parse_age("12h")
        datetime.timedelta(seconds=43200)
    """
    found = _AGE.fullmatch(str(text))
    if found is None:
        raise _wrong(setting, f"{text!r} is not an age such as 30d, 12h or 0s")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def resolve_settings(
    section: str = SECTIONS[-1], made_of: type[Settings] = Settings, **explicit: Any
) -> Settings:
    """The settings as dlt finds them, with ``explicit`` ones first (``None`` means not given).

    Args:
        section: of a source that was cloned for another account (``sources.<section>``). What it
            says comes before anything that ``sources.amplemarket`` says, wherever each is written:
            dlt alone would let the environment of the one win over the files of the other
            (api-notes: dlt-sections).
        made_of: the class of settings, where there are more of them.

    Raises:
        SettingsError: a setting is missing or cannot be; the text says where to put it. Also where
            a section has an address of its own and no key, because another account's key would be
            sent there.
    """
    given = {name: value for name, value in explicit.items() if value is not None}
    try:
        own = {} if section == SECTIONS[-1] else _said_in(section, made_of)
        if "base_url" in own and "api_key" not in {**own, **given}:
            raise SettingsError(
                f"sources.{section} has a base_url and no api_key, and the key of another section "
                f"is not sent to its address. Set sources.{section}.api_key."
            )
        found = {**own, **given}
        settings = resolve_configuration(
            made_of(),
            sections=SECTIONS,
            explicit_value={name: found[name] for name in found if name not in _FULL_NAME_ONLY},
        )
        named = {**_named_in(SECTIONS[-1]), **_named_in(section), **found}
        return settings.with_changes(
            **{name: value for name, value in named.items() if name in _FULL_NAME_ONLY}
        )
    except SettingsError as error:
        raise SettingsError(_in_section(str(error), section)) from None
    except ConfigurationException as error:
        name = next(iter(getattr(error, "traces", {})), "") or getattr(error, "field_name", "")
        name = name.rpartition(".")[2]
        if name == "api_key":
            raise SettingsError(
                f"{_in_section(NO_API_KEY, section)} "
                "`amplemarket run people LEADS --sandbox` works without one."
            ) from None
        # The text of dlt's error can hold the value, so only the setting is named
        # (api-notes: dlt-config-errors).
        raise SettingsError(
            f"sources.{section}.{name or '?'}: the value has the wrong type."
        ) from None


def resolve_workspace_settings(**explicit: Any) -> WorkspaceSettings:
    """The settings as dlt finds them, with ``explicit`` ones first (``None`` means not given).

    What ``sources.amplemarket_workspace`` does not say is taken from ``sources.amplemarket``.

    Raises:
        SettingsError: as `resolve_settings`.
    """
    settings = resolve_settings(WORKSPACE, WorkspaceSettings, **explicit)
    assert isinstance(settings, WorkspaceSettings)  # noqa: S101 - it is made of that
    return settings


def _named_in(section: str) -> dict[str, Any]:
    """The settings that only their full name means, as ``sources.<section>`` has them."""
    found = {name: _named(section, name) for name in _FULL_NAME_ONLY}
    return {name: value for name, value in found.items() if value is not None}


def _named(section: str, name: str) -> Any:
    try:
        return dlt.config.get(f"{SECTIONS[0]}.{section}.{name}", _FULL_NAME_ONLY[name])
    except (ConfigurationException, ValueError):
        raise _wrong(name, "the value has the wrong type") from None


def _said_in(section: str, made_of: type[Settings]) -> dict[str, Any]:
    """What ``sources.<section>`` itself says, in any place where dlt looks."""
    found: dict[str, Any] = {}
    for name, hint in made_of.get_resolvable_fields().items():
        accessor = dlt.secrets if name == "api_key" else dlt.config
        found[name] = accessor.get(f"{SECTIONS[0]}.{section}.{name}", extract_inner_hint(hint))
    return {name: value for name, value in found.items() if value is not None}


def _in_section(text: str, section: str) -> str:
    """A text about our settings, as it reads for a source with another section."""
    return text.replace(SECTIONS[-1].upper(), section.upper()).replace(
        ".".join(SECTIONS), f"{SECTIONS[0]}.{section}"
    )


def _wrong(setting: str, why: str) -> SettingsError:
    return SettingsError(f"sources.amplemarket.{setting}: {why}.")
