"""Which columns of an input count: by our names, by those of CRM exports, or as the user says.

Headers are compared without regard to case, spaces and punctuation. A field may have several names
(`_NAMES`), in order of how sure it is that they mean it: ``Email`` before ``Work Email``. The
surest that has a value counts, row by row; two that are equally sure, and surest, are for the user
to decide, with ``--map`` or the setting ``columns``. The names are those of the exports in
``tests/leads/exports``, whose README says whose each is and where its header was published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from dlt.common.normalizers.naming.snake_case import NamingConvention

from amplemarket_source.errors import InputError, SettingsError
from amplemarket_source.kinds import Kind, KindName
from amplemarket_source.schema.bookkeeping import LEADS

__all__ = ["ACCEPTED", "ColumnMap", "Header"]

_NAMES: dict[KindName, dict[str, tuple[tuple[str, ...], ...]]] = {
    "people": {
        "email": (
            ("Email Address", "E-mail Address"),
            ("Work Email", "Business Email", "Primary Email", "Person - Email - Work",
             "Person - Email", "Contact Email", "Corporate Email", "Professional Email"),
            ("Emails", "Mail", "Email 1", "Person - Email (Work)"),
            ("Personal Email", "Private Email", "Private E-mail Address", "Secondary Email",
             "Person - Email - Home"),
            ("Tertiary Email", "Other Email", "Person - Email - Other"),
        ),
        "linkedin_url": (
            ("Person Linkedin Url", "LinkedIn Profile Url", "LinkedIn Url Public",
             "HS LinkedIn Url"),
            ("LinkedIn", "LinkedIn Profile", "LinkedIn__c", "LinkedIn Url__c", "Person - LinkedIn",
             "Person - LinkedIn Page", "Person - LinkedIn Url", "Contact LinkedIn Url"),
            ("Default Profile Url", "Public Profile Url", "LinkedIn Url Unique ID", "LinkedIn Bio"),
            ("Profile Url",),
            ("Sales Navigator Url",),
        ),
        "linkedin_id": ((),),
        "company_domain": (
            ("Company Domain Name", "Account Domain", "Organization Domain"),
            ("Company Website", "Company Website Url", "Account Website", "Organization Website",
             "Organization - Website"),
            ("Website", "Website Url", "Domain", "Domain Name", "Account: Website"),
        ),
        "company_name": (
            ("Account Name", "Company / Account", "Account: Account Name", "Organization Name"),
            ("Company", "Organization", "Person - Organization", "Organization - Name",
             "Associated Company (Primary)", "Associated Company Names (Primary)"),
            ("Associated Company", "Primary Associated Company", "Account", "Current Company",
             "Employer", "Employee Company"),
        ),
        "name": (("Full Name",), ("Person - Name", "Contact Name", "Lead Name")),
        "first_name": (("Given Name", "Person - First name"),),
        "last_name": (("Surname", "Family Name", "Person - Last name"),),
        "title": (
            ("Job Title", "Person - Job title", "Person - Title"),
            ("Position", "Current Job", "Current Position"),
        ),
        "external_id": (
            ("Record ID", "Record ID - Contact", "Contact ID", "Lead ID", "Prospect ID",
             "Person - ID", "Apollo Contact Id", "HS Object ID"),
            ("Id", "Apollo Record Id", "Person ID", "vmid"),
        ),
    },
    "companies": {
        "domain": (
            ("Company Domain Name", "Company Domain", "Domain Name", "Account Domain",
             "Organization Domain"),
            ("Company Website", "Company Website Url", "Website", "Website Url", "Account Website",
             "Organization - Website", "Organization Website"),
        ),
        "linkedin_url": (
            ("Company Linkedin Url", "LinkedIn Company Page", "LinkedIn Company Url",
             "LinkedIn Company Page Url", "Organization - LinkedIn profile"),
            ("LinkedIn", "LinkedIn Profile", "LinkedIn__c", "Company LinkedIn",
             "Account LinkedIn Url", "Company LinkedIn Url Unique ID"),
            ("Regular Company Url",),
        ),
        "external_id": (
            ("Record ID", "Record ID - Company", "Account ID", "Company ID", "Apollo Account Id",
             "Organization - ID", "HS Object ID"),
            ("Id", "Apollo Record Id", "Custom ID"),
        ),
    },
}  # fmt: skip
# Who is validated stands in the same exports.
_NAMES["emails"] = {name: _NAMES["people"][name] for name in ("email", "external_id")}
_UNSURE: dict[KindName, dict[str, tuple[str, ...]]] = {
    "people": dict.fromkeys(("URL", "Link", "Profile"), ("linkedin_url", "company_domain")),
    "companies": dict.fromkeys(("URL", "Link", "Profile"), ("domain", "linkedin_url")),
    "emails": {},
}
"""A header that could be one thing or the other, by whatever name it is the only one."""

_BESIDE: dict[str, tuple[str, str]] = {"Connected On": ("URL", "linkedin_url")}
"""A header that says what another one is: LinkedIn's own export of connections."""

ACCEPTED: dict[KindName, tuple[str, ...]] = {kind: tuple(names) for kind, names in _NAMES.items()}
"""Columns that are read, by kind (README, Input), in the order of :attr:`Header.schema`."""


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


_RANKED: dict[KindName, dict[str, dict[str, int]]] = {kind: {} for kind in _NAMES}
for _kind, _fields in _NAMES.items():
    for _field, _tiers in _fields.items():
        for _rank, _tier in enumerate(((_field,), *_tiers)):
            for _name in _tier:
                _RANKED[_kind].setdefault(_bare(_name), {}).setdefault(_field, _rank)

_MOST_NAMES_SHOWN = 20
_ROWS_BEFORE_HEADER = 20
_HIDDEN = "(a name that may be a value)"
_VALUE = re.compile(r"@|://|linkedin\.com|(\d[ ().-]*){6}|.{61}", re.IGNORECASE | re.DOTALL)
# Words that column names are made of. Where no column is known, the first row of a file may be no
# header, and what stands in it somebody's name; only what is made of these is repeated then.
_COLUMN_WORDS = """
    account address age business cell city code company contact country created crm customer data
    date department description domain e email employees employer external field first from full
    given head headline homepage id identifier industry job key last lead link linked linkedin li
    list location mail mobile name no note notes number office organisation organization owner
    owned page person personal phone position postal prefix primary private profile record region
    role row sales salesforce hubspot apollo size source stage state status street suffix surname
    tag tags tel telephone title type updated url user value web website work zip
"""
_SUGGESTED: tuple[tuple[str, str, str], ...] = (
    ("mail", "email", "linkedin_url"),
    ("linkedin", "linkedin_url", "linkedin_url"),
    ("domain", "company_domain", "domain"),
    ("web", "company_domain", "domain"),
    ("organi", "company_name", ""),
    ("compan", "company_name", ""),
    ("account", "company_name", ""),
    ("name", "name", ""),
)
_SNAKE_CASE = NamingConvention()


@dataclass(frozen=True)
class ColumnMap:
    """What the user says of the columns of an input.

    Args:
        columns: our name -> the input's (setting ``columns``).
        keep: further columns of the input, to be kept as columns of ``leads``.

    Example:
        >>> ColumnMap({"email": "Mail (geschäftlich)"}, ("Lead Source",)).kept
        {'lead_source': 'Lead Source'}
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            SettingsError: no such column of ours; a kept one that would be called like another.
        """
        known = dict.fromkeys(name for names in ACCEPTED.values() for name in names)
        for name, header in self.columns.items():
            if name not in known:
                raise SettingsError(
                    f"sources.amplemarket.columns: there is no column {name!r}. On the left stands "
                    f"one of {', '.join(known)}, on the right the input's name of it "
                    '(--map "Email Address=email").'
                )
            if not isinstance(header, str) or not header.strip():
                raise SettingsError(
                    f"sources.amplemarket.columns: {name} needs the name of a column of the input."
                )
        if len(self.kept) < len(self.keep):
            raise SettingsError(
                "sources.amplemarket.keep_columns: two of them would have the same name."
            )
        for name, header in self.kept.items():
            if LEADS.column(name) is not None:
                raise SettingsError(
                    f"sources.amplemarket.keep_columns: {header!r} would be called {name}, which "
                    "is a column of leads already; rename it in the input."
                )

    @property
    def kept(self) -> dict[str, str]:
        """Columns of ``leads``, each with the input's name of it."""
        return {_SNAKE_CASE.normalize_identifier(header.strip()): header for header in self.keep}


class Header:
    """The columns of one input: which are read, as what, and which are not.

    It is told of every column name as it turns up (all at once for a file with a header, one by
    one where rows have keys) and gives the schema that all batches of the input have: each
    accepted column, then each kept one, as text.

    Args:
        kind: people or companies.
        source: how errors call the input.
        said: what the user says of the columns.

    Attributes:
        kept: the name of each kept column in a batch, and in ``leads``.

    Example::

        >>> header = Header(PEOPLE, "leads.csv")
        >>> header.places(["Email Address", "Work Email", "Shoe size"])
        {'email': [0, 1]}
    """

    def __init__(self, kind: Kind, source: str, said: ColumnMap | None = None) -> None:
        self.source = source
        self.kind = kind
        self.accepted = ACCEPTED[kind.name]
        said = said or ColumnMap()
        # Prefixed, so that none meets a column of ours.
        self.kept = {f"kept {name}": name for name in said.kept}
        self._kept = {f"kept {name}": header for name, header in said.kept.items()}
        self.schema = pa.schema([(name, pa.string()) for name in (*self.accepted, *self.kept)])
        self._said = {
            name: header for name, header in said.columns.items() if name in self.accepted
        }
        self._taken: dict[str, dict[str, None]] = {}
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the columns that are not read, as given, in the order they turned up.

        What looks like a value, such as an address as a key, is not repeated.
        """
        return tuple(self._ignored)

    @property
    def taken(self) -> dict[str, list[str]]:
        """What was taken for what: our name of each column that is read, and the input's names.

        The surest first; the others fill in where it is empty.
        """
        taken = {name: list(self._taken[name]) for name in self.accepted if name in self._taken}
        return taken | {self.kept[column]: [header] for column, header in self._kept.items()}

    def recognised(self, names: Iterable[object]) -> int:
        """How many of our columns the names would give, if they were the header."""
        return len({column for name in names for column, _ in self._meanings(str(name).strip())})

    def row_of(self, rows: Sequence[Sequence[object]]) -> int:
        """Which of the rows at the start of a file is the header: notes may stand before it.

        The first, if it has any column of ours; a row further down has to look more like one.
        """
        if not rows or self.recognised(rows[0]):
            return 0
        scores = map(self.recognised, rows[:_ROWS_BEFORE_HEADER])
        return next((place for place, score in enumerate(scores) if score > 1), 0)

    def places(self, names: Iterable[object]) -> dict[str, list[int]]:
        """Column -> its positions in ``names``, the surest first.

        Raises:
            InputError: two of the names, or one of them, could mean two things; a column that the
                user named is not there.
        """
        spelt = [str(name).strip() for name in names]
        found: dict[str, list[tuple[int, int]]] = {}
        for position, name in enumerate(spelt):
            for column, rank in self._meanings(name):
                found.setdefault(column, []).append((rank, position))
        for header, (beside, column) in _BESIDE.items():
            bare = [_bare(name) for name in spelt]
            if column in self.accepted and _bare(header) in bare and _bare(beside) in bare:
                found.setdefault(column, []).append((0, bare.index(_bare(beside))))
        places: dict[str, list[int]] = {}
        for column, ranked in found.items():
            ranked.sort()
            self._refuse_two(column, ranked, spelt)
            # One sort of id does not fill in for another.
            most = 1 if column == "external_id" else len(ranked)
            places[column] = [position for _, position in ranked[:most]]
        self._refuse_unsure(spelt, places)
        for column, positions in places.items():
            if column in self.accepted:
                names_taken = self._taken.setdefault(column, {})
                names_taken.update(dict.fromkeys(spelt[position] for position in positions))
        self._ignore(spelt, {position for positions in places.values() for position in positions})
        return places

    def columns_at(self, names: Sequence[object]) -> dict[str, list[int]]:
        """Column -> its positions, for an input whose columns stand in its header.

        Raises:
            InputError: as `places`; a column that the user named, or wants kept, is not there.
        """
        places = self.places(names)
        spelt = [str(name).strip() for name in names]
        wanted = {**self._said, **self._kept}
        for column, header in wanted.items():
            if column not in places:
                raise InputError(
                    f"there is no column {header!r}",
                    source=self.source,
                    advice=f"Its columns are {_told([name for name in spelt if name])}.",
                )
        return places

    def check(self) -> None:
        """Refuse an input in which no column says who or what is meant.

        Raises:
            InputError: none of the columns seen so far can identify a lead.
        """
        usable = [name for name in self.accepted if name != "external_id"]
        if any(name in self._taken for name in usable):
            return
        found = [*(name for names in self._taken.values() for name in names), *self._ignored]
        raise InputError(
            f"no usable column: found {_told(found)}",
            source=self.source,
            advice=f"Usable are {_listed(usable)}.{self.advice(filter(_is_column_name, found))}",
        )

    def advice(self, names: Iterable[str] | None = None) -> str:
        """The ``--map`` that would help, as a sentence after a space; empty where none would.

        Args:
            names: of the columns that are not read; by default those that may be repeated.
        """
        suggested: dict[str, str] = {}
        for name in self._ignored if names is None else names:
            for word, people, company in _SUGGESTED:
                column = people if self.kind.about_people else company
                is_free = column in self.accepted and column not in {**self._taken, **suggested}
                if word in _bare(name) and is_free:
                    suggested[column] = name
                    break
        said = " ".join(f'--map "{name}={column}"' for column, name in suggested.items())
        return f" Perhaps: {said}" if said else ""

    def _meanings(self, name: str) -> list[tuple[str, int]]:
        """What a name may mean, each with how unsure that is; nothing for a column not read."""
        kept = [(column, 0) for column, header in self._kept.items() if _is_same(header, name)]
        said = [(column, -1) for column, header in self._said.items() if _is_same(header, name)]
        if said or not name:
            return [*said, *kept]
        ranked = _RANKED[self.kind.name].get(_bare(name), {}).items()
        return [*((column, rank) for column, rank in ranked if column not in self._said), *kept]

    def _refuse_two(self, column: str, ranked: list[tuple[int, int]], spelt: list[str]) -> None:
        best = [spelt[position] for rank, position in ranked if rank == ranked[0][0]]
        if len(best) < 2:
            return
        shown = self.kept.get(column, column)
        if len({_bare(name) for name in best}) == 1:
            raise InputError(
                "the column is there twice",
                source=self.source,
                column=shown,
                advice="Rename or remove one of the two.",
            )
        both = " and ".join(repr(name) for name in best[:2])
        raise InputError(
            f"{both} could both be the {shown}",
            source=self.source,
            advice=f'Say which: --map "{best[0]}={column}" or --map "{best[1]}={column}".',
        )

    def _refuse_unsure(self, spelt: list[str], places: Mapping[str, list[int]]) -> None:
        """Where an unsure header is what a lead could be found by, only the user can tell."""
        if any(column in places for column in ("email", "linkedin_url", "domain")):
            return
        used = {position for positions in places.values() for position in positions}
        for header, columns in _UNSURE[self.kind.name].items():
            for position, name in enumerate(spelt):
                free = [column for column in columns if column not in places]
                if _bare(name) == _bare(header) and position not in used and len(free) > 1:
                    raise InputError(
                        f"{name!r} could be the {' or the '.join(free)}",
                        source=self.source,
                        advice="Say which: "
                        + " or ".join(f'--map "{name}={column}"' for column in free)
                        + ".",
                    )

    def _ignore(self, spelt: list[str], read: set[int]) -> None:
        for position, name in enumerate(spelt):
            if name and position not in read:
                self._ignored[_HIDDEN if _VALUE.search(name) else name] = None


def _is_same(header: str, name: str) -> bool:
    return header.strip() == name or (_bare(header) == _bare(name) != "")


def _is_column_name(name: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    known = all(word.lower() in _COLUMN_WORDS.split() or len(word) < 3 for word in words)
    return bool(words) and known and "".join(words) == re.sub(r"[ _.-]", "", name)


def _told(names: Sequence[str]) -> str:
    """The names that are made of words for columns, and how many others there are."""
    plain = [name for name in names if _is_column_name(name)]
    told = _listed(plain) or "none"
    if len(plain) == len(names):
        return told
    others = f"{len(names) - len(plain):,} that may be values, not names"
    return f"{told} and {others}" if plain else others


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES_SHOWN])
    more = len(names) - _MOST_NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
