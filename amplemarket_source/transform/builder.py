"""From finished requests to the rows of every table, a few thousand people at a time.

The histories have every answer. Elsewhere the newest wins: requests are read from the newest to the
oldest and rows from the last to the first, and of each person and company the first one met is
kept. So a person who stands twice in one load has one row and one generation of children. A company
found by company enrichment and one nested in a person are treated alike: the one fetched last
counts. Where a person's company is another one than before, or none, ``people.company_id`` follows;
the old company stays.

Phone numbers come from the newest answer that has a say in them: one that asked for them, or brings
some all the same. A person of whom no answer of the load has is not named in their table, so the
merge leaves what is there. E-mail addresses, a column, are kept by
`amplemarket_source.load.revealed`.

Fewer and larger batches: what dlt spends on a batch of a table does not depend on its size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.kinds import KINDS, PEOPLE, Kind
from amplemarket_source.lenient_json import page_members
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.schema.fields import ROW_FIELDS, echo_names, result_type
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.rejects import Reject, reject_table, with_lead_keys
from amplemarket_source.schema.tables import (
    COMPANIES_HISTORY,
    EMAIL_VALIDATIONS,
    EMAIL_VALIDATIONS_HISTORY,
    HISTORIES,
    PEOPLE_HISTORY,
    PHONE_NUMBERS,
)
from amplemarket_source.transform.charges import note_found
from amplemarket_source.transform.envelope import MEMBERS, plain_members, undocumented
from amplemarket_source.transform.flatten import Flattener, Lineage, field_of, has_items
from amplemarket_source.transform.match import ROWS_OF_A_PAGE, echo_schema, leftover_rejects, match
from amplemarket_source.transform.outcomes import echoes, extras_by_row, request_table, result_table
from amplemarket_source.transform.strict import StrictParser
from amplemarket_source.transform.tolerant import TolerantParser
from amplemarket_source.transform.values import LONGEST_ID
from amplemarket_source.transform.verdicts import nested
from amplemarket_source.workbench import Workbench

__all__ = ["TableBatch", "TableBuilder", "gathered"]

_BYTES_AT_ONCE = 5_000_000
"""Of pages, 1,250 people: Arrow has a fixed cost for each batch, and memory is dear."""


@dataclass
class _Request:
    """A request while its pages are read."""

    kind: Kind
    lineage: Lineage
    asks_for_phones: bool
    echoes: list[pa.Table] = field(default_factory=list)
    extras: list[pa.Table] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    members: dict[str, Reject] = field(default_factory=dict)

    def keep_members(self, members: Iterable[tuple[str, Any]], registry: ColumnRegistry) -> None:
        """Keep what is undocumented of a page itself; the same on every page is kept once."""
        for reject in undocumented(members, self.lineage.request_id, registry):
            self.members[reject.reject_id] = reject


class TableBuilder:
    """Makes table batches of answers, for one load.

    Args:
        registry: the columns of every table; grows with what arrives.
        load_id: the dlt load that takes the rows.
        workbench: with ``request_leads`` and ``asked_fields``; gets ``found``.

    Attributes:
        tolerated_pages: how many pages the strict way refused.
    """

    def __init__(
        self,
        registry: ColumnRegistry,
        load_id: str,
        workbench: Workbench,
        now: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._load_id = load_id
        self._workbench = workbench
        self._now = now
        self._nested, self._flat = Flattener(registry), Flattener(registry, is_flat=True)
        self._strict = {kind.name: StrictParser(result_type(kind)) for kind in KINDS}
        self._tolerant = {kind.name: TolerantParser(kind, registry) for kind in KINDS}
        self._seen: dict[str, set[str]] = {
            name: set() for name in (*(kind.table for kind in KINDS), PHONE_NUMBERS.name)
        }
        self._asked_twice: set[str] = set()
        self._answered: set[str] = set()
        self._rejected: set[str] = set()
        self.tolerated_pages = 0

    def batches(self, answers: list[CompletedRequest]) -> Iterator[TableBatch]:
        """The rows of ``answers``: people and companies first, then each request's outcomes."""
        self._asked_twice = _asked_twice(answers, self._workbench)
        self._workbench.clear("found")
        for answer in sorted(answers, key=lambda a: a.summary.fetched_at, reverse=True):
            yield from self._request(answer)

    def _request(self, answer: CompletedRequest) -> Iterator[TableBatch]:
        kind = answer.record.kind
        record = answer.record
        lineage = Lineage(
            self._load_id, record.request_key, record.request_id, answer.summary.fetched_at
        )
        for history in HISTORIES:  # have a row for each request
            self._seen[history.name] = set()
        request = _Request(kind, lineage, record.reveal_phone_numbers)
        for first, bodies in _from_the_last(answer):
            yield from filter(None, self._pages(request, bodies, first))
        rows = pa.concat_tables(request.echoes or [echo_schema(kind).empty_table()])
        matched = match(answer.record, rows, self._workbench)
        note_found(answer, matched.found, self._workbench)
        results = result_table(answer, matched, request.extras, self._registry, self._load_id)
        rejects = [*request.members.values()]
        if kind.answers_in_rows:
            rejects += [replace(r, lead_key=r.entity_id, entity_id=None) for r in request.rejects]
        else:
            rejects += with_lead_keys(request.rejects, matched.results)
        rejects += leftover_rejects(matched.leftover, answer.pages)
        yield {
            "enrichment_results": self._first_of_each_lead(results),
            "enrichment_requests": request_table(answer, matched, self._load_id, self._now()),
            "rejects": reject_table(
                self._in_parts(rejects), record.request_key, self._load_id, self._now()
            ),
        }

    def _first_of_each_lead(self, results: pa.Table) -> pa.Table:
        """``results`` without the leads that a newer request of this load has answered."""
        if not self._asked_twice:
            return results
        keep = []
        for kind_and_key in results.column("_dlt_id").to_pylist():
            keep.append(kind_and_key not in self._answered)
            if kind_and_key.partition(":")[2] in self._asked_twice:
                self._answered.add(kind_and_key)
        return results.filter(pa.array(keep, pa.bool_()))

    def _in_parts(self, rejects: list[Reject]) -> Iterator[Reject]:
        """Those that are new in this load, each short enough for the destination."""
        for reject in self._first_of_each(rejects):
            yield from reject.parts(self._registry.limits.text_bytes)

    def _first_of_each(self, rejects: list[Reject]) -> list[Reject]:
        """``rejects`` without those that this load has already."""
        new = [reject for reject in rejects if reject.reject_id not in self._rejected]
        self._rejected.update(reject.reject_id for reject in new)
        return new

    def _pages(self, request: _Request, bodies: list[bytes], first: int) -> Iterator[TableBatch]:
        """The tables of some pages: all at once, or in halves where one of them is odd."""
        try:
            tables = self._strictly(request, bodies, first)
        except pa.ArrowException:  # whatever it is that Arrow cannot do with them
            if len(bodies) == 1:
                yield self._tolerantly(request, bodies[0], first)
            else:
                half = len(bodies) // 2
                yield from self._pages(request, bodies[half:], first + half)
                yield from self._pages(request, bodies[:half], first)
        else:
            yield tables

    def _strictly(self, request: _Request, bodies: list[bytes], first: int) -> TableBatch:
        parser = self._strict[request.kind.name]
        rows = parser.parse(bodies)
        if request.kind.answers_in_rows:
            rows = nested(rows)
        with self._registry.attempt():
            tables = self._tables(request, rows, _only_found(rows), first, self._nested)
        if parser.members - MEMBERS:
            for body in bodies:
                request.keep_members(plain_members(body), self._registry)
        return tables

    def _tolerantly(self, request: _Request, body: bytes, number: int) -> TableBatch:
        self.tolerated_pages += 1
        rows, rejects = self._tolerant[request.kind.name].parse(body)
        request.rejects += rejects
        request.keep_members(page_members(body), self._registry)
        return self._tables(request, rows, _found(rows), number, self._flat)

    def _tables(
        self,
        request: _Request,
        rows: pa.StructArray,
        entities: pa.StructArray | None,
        first: int,
        flattener: Flattener,
    ) -> TableBatch:
        met: dict[str, set[str]] = {}
        tables = {} if entities is None else self._entity_tables(request, entities, flattener, met)
        extras = flattener.extras(rows, {*ROW_FIELDS, *echo_names(request.kind)})
        # Only now: a page that fails half-way comes again, by the tolerant way.
        for table, identities in met.items():
            self._seen[table] |= identities
        position = first * ROWS_OF_A_PAGE
        if extras:
            request.extras.append(extras_by_row(rows, extras, position))
        request.echoes.append(echoes(request.kind, rows, position))
        return tables

    def _entity_tables(
        self,
        request: _Request,
        entities: pa.StructArray,
        flattener: Flattener,
        met: dict[str, set[str]],
    ) -> TableBatch:
        if request.kind.answers_in_rows:
            return self._validations(request, entities, flattener, met)
        tables: TableBatch = {}
        companies = all_companies = entities
        if request.kind is PEOPLE:
            people = self._newest("people", entities, met)
            companies, all_companies = field_of(people, "company"), field_of(entities, "company")
            answered = self._newest(PEOPLE_HISTORY.name, entities, met)
            if len(answered):
                tables[PEOPLE_HISTORY.name] = flattener.people_history(answered, request.lineage)
            if len(people):
                tables |= flattener.people(people, request.lineage)
            if not request.asks_for_phones:
                entities = _where(entities, has_items(entities, "phone_numbers"))
            reached = self._newest(PHONE_NUMBERS.name, entities, met)
            if len(reached):
                tables[PHONE_NUMBERS.name] = flattener.phone_numbers(reached, request.lineage)
        if companies is not None and pa.types.is_struct(companies.type):
            every = _where(all_companies, pc.is_valid(all_companies))
            _require_ids(every)
            present = _where(companies, pc.is_valid(companies))
            newest = self._newest("companies", present, met)
            if len(newest):
                tables |= flattener.companies(newest, request.lineage)
            answered = self._newest(COMPANIES_HISTORY.name, every, met)
            if len(answered):
                history = flattener.companies_history(answered, request.lineage)
                tables[COMPANIES_HISTORY.name] = history
        return tables

    def _validations(
        self,
        request: _Request,
        verdicts: pa.StructArray,
        flattener: Flattener,
        met: dict[str, set[str]],
    ) -> TableBatch:
        tables: TableBatch = {}
        newest = self._newest(EMAIL_VALIDATIONS.name, verdicts, met)
        if len(newest):
            tables |= flattener.validations(newest, request.lineage)
        answered = self._newest(EMAIL_VALIDATIONS_HISTORY.name, verdicts, met)
        if len(answered):
            history = flattener.validations_history(answered, request.lineage)
            tables[EMAIL_VALIDATIONS_HISTORY.name] = history
        return tables

    def _newest(
        self, table: str, entities: pa.StructArray, met: dict[str, set[str]]
    ) -> pa.StructArray:
        """Those not met before in this load; of several with one id the last."""
        seen, here = self._seen[table], met.setdefault(table, set())
        keep: list[bool] = []
        for identity in reversed(pc.struct_field(entities, "id").to_pylist()):
            keep.append(identity not in seen and identity not in here)
            here.add(identity)
        return _where(entities, pa.array(reversed(keep), pa.bool_()))


def _from_the_last(answer: CompletedRequest) -> Iterator[tuple[int, list[bytes]]]:
    """Pages in their order, some at a time, the last ones first, with the number of the first."""
    bodies: list[bytes] = []
    for number in range(answer.summary.page_count, 0, -1):
        bodies.insert(0, answer.pages.read(number))
        if number == 1 or sum(map(len, bodies)) >= _BYTES_AT_ONCE:
            yield number, bodies
            bodies = []


def _asked_twice(answers: list[CompletedRequest], workbench: Workbench) -> set[str]:
    """The keys of leads that several of the requests ask for; as a rule there are none."""
    rows = workbench.rows(
        "SELECT lead_key FROM request_leads WHERE list_contains(?, request_key) "
        "GROUP BY lead_key HAVING count(DISTINCT request_key) > 1",
        [[answer.record.request_key for answer in answers]],
    )
    return {row[0] for row in rows}


def _only_found(rows: pa.StructArray) -> pa.StructArray | None:
    """The people or companies of the rows that found one.

    Raises:
        pyarrow.ArrowInvalid: one of them is none, or a row that found nothing has one.
    """
    results = field_of(rows, "result")
    if results is None:
        return None
    is_found = _has_status(rows, "enriched")
    entities = _where(results, is_found)
    _require_ids(entities)
    others = pc.or_(is_found, _has_status(rows, "gdpr_removed"))
    if _says_something(_where(results, pc.invert(others))):
        raise pa.ArrowInvalid("a result although nothing was found")
    return entities


def _found(rows: pa.StructArray) -> pa.StructArray | None:
    """The same of rows that the tolerant way made, where what is unusable is null."""
    results = field_of(rows, "result")
    if results is None or pa.types.is_null(results.type):
        return None
    return _where(results, pc.and_(_has_status(rows, "enriched"), pc.is_valid(results)))


def _where(objects: pa.StructArray, is_wanted: pa.BooleanArray) -> pa.StructArray:
    """``objects.filter(is_wanted)``, which copies them to the last list, where any is left out."""
    return objects if is_wanted.true_count == len(objects) else objects.filter(is_wanted)


def _has_status(rows: pa.StructArray, status: str) -> pa.BooleanArray:
    return pc.fill_null(pc.equal(pc.struct_field(rows, "status"), status), False)


def _require_ids(entities: pa.StructArray) -> None:
    identities = pc.struct_field(entities, "id")
    lengths = pc.utf8_length(identities)
    is_odd = pc.or_(pc.equal(lengths, 0), pc.greater(lengths, LONGEST_ID))
    if identities.null_count or pc.any(is_odd).as_py():
        raise pa.ArrowInvalid("an entity without an id")


def _says_something(array: pa.Array) -> bool:
    if pa.types.is_struct(array.type):
        return any(_says_something(inner) for inner in array.flatten())
    return bool(array.null_count < len(array))


TableBatch = dict[str, pa.Table]
"""Rows by destination table."""

_MOST_BYTES = 4_000_000
"""Of Arrow, in one table: enough that dlt's three milliseconds for each batch do not count
(api-notes: dlt-batches)."""


def gathered(batches: Iterable[TableBatch], most_bytes: int = _MOST_BYTES) -> Iterator[TableBatch]:
    """The same rows, in the same order within a table, with about ``most_bytes`` of a table.

    Each batch is of one table: as soon as there is enough of it or its columns change, and what is
    left at the end.

    Example::

        for batch in gathered(tables.batches(answers)):
            ...
    """
    waiting: dict[str, list[pa.Table]] = {}
    sizes: Counter[str] = Counter()
    for batch in batches:
        for name, rows in batch.items():
            parts = waiting.setdefault(name, [])
            if parts and (sizes[name] >= most_bytes or not parts[0].schema.equals(rows.schema)):
                yield {name: pa.concat_tables(parts)}
                parts.clear()
                sizes[name] = 0
            parts.append(rows)
            sizes[name] += rows.nbytes
    while waiting:
        # One by one, so that the caller need not hold what is left of all of them.
        name, parts = waiting.popitem()
        if parts:
            yield {name: pa.concat_tables(parts)}
