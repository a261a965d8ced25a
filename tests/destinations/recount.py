"""What the tables should hold, counted from the server's own JSON and nothing of the package."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from amplemarket_source.kinds import EMAILS, PEOPLE, Kind
from amplemarket_source.schema.tables import COMPANY_TABLES, PEOPLE_TABLES
from tests.destinations.deployment import KEY, WarehouseDeployment

__all__ = ["Rows", "answers_of", "differences"]

Rows = dict[str, list[dict[str, Any]]]
Json = dict[str, Any]


_TABLES = (*PEOPLE_TABLES, *COMPANY_TABLES)


def answers_of(url: str, request_id: str, kind: Kind = PEOPLE) -> list[Json]:
    """The rows of an enrichment request, page after page."""
    rows: list[Json] = []
    link: str | None = f"{kind.path}/{request_id}"
    while link:
        with urlopen(Request(url + link, headers={"Authorization": f"Bearer {KEY}"})) as answer:
            page = json.load(answer)
        rows += page["results"]
        link = page["_links"].get("next", {}).get("href")
    return rows


def differences(deployment: WarehouseDeployment) -> list[str]:
    """Every value of people, companies and their children, and every verdict, that is not what the
    server says now.

    Each person and company is compared with the answer of the request that their row names.
    """
    stored = {table.name: deployment.table(table.name) for table in _TABLES}
    requests = {row["enrichment_request_id"] for row in stored["people"]}
    expected: Rows = {name: [] for name in stored}
    companies: dict[str, Json] = {}
    for request in sorted(requests, key=int):
        for answer in answers_of(deployment.server.url, request):
            if answer["status"] == "enriched":
                person = answer["result"]
                companies[person["company"]["id"]] = person["company"]
                _expect(expected, "people", "person_id", person)
                expected["people"][-1]["company_id"] = person["company"]["id"]
    known = {row["id"] for row in stored["companies"]}
    for company in companies.values():
        _expect(expected, "companies", "company_id", company)
    return [
        f"{name}: {difference}"
        for name in stored
        for difference in _compare(stored[name], expected[name], known - companies.keys())
    ] + _wrong_verdicts(deployment)


def _wrong_verdicts(deployment: WarehouseDeployment) -> list[str]:
    """Addresses of which the table says something else than the answer that its row names."""
    stored = deployment.table("email_validations")
    said = {
        answer["email"]: answer
        for request in {row["enrichment_request_id"] for row in stored}
        for answer in answers_of(deployment.server.url, request, EMAILS)
    }
    return [
        f"email_validations: {row['email']}"
        for row in stored
        if said[row["email"]] != {name: row[name] for name in said[row["email"]]}
    ]


def _expect(expected: Rows, parent: str, key: str, entity: Json) -> None:
    children = {table.child.path: table for table in _TABLES if table.child}
    expected[parent].append(
        _leaves({k: v for k, v in entity.items() if k != "company" and k not in children})
    )
    for table in children.values():
        if table.child is None or table.child.parent != parent:
            continue
        listed = entity[table.child.path]
        if isinstance(listed, dict):
            items = [{"label": label, "headcount": count} for label, count in listed.items()]
        else:
            items = [
                {
                    "_dlt_list_idx": at,
                    **(_leaves(item) if isinstance(item, dict) else {"value": item}),
                }
                for at, item in enumerate(listed)
            ]
        expected[table.name] += [{key: entity["id"], **item} for item in items]


def _leaves(value: Json, prefix: str = "") -> Json:
    found: Json = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            found |= _leaves(inner, f"{prefix}{key}__")
        else:
            found[f"{prefix}{key}"] = inner
    return found


def _compare(stored: list[Json], expected: list[Json], others: set[str]) -> list[str]:
    """``others``: companies that no person's answer names."""
    mine = [r for r in stored if r.get("id", r.get("company_id")) not in others]
    problems = []
    if len(mine) != len(expected):
        problems.append(f"{len(mine)} rows instead of {len(expected)}")
    by_key = {_key(row): row for row in mine}
    for row in expected:
        found = by_key.get(_key(row))
        if found is None:
            problems.append(f"no row {_key(row)}")
            continue
        problems += [
            f"{name} of {_key(row)} is {str(found.get(name))[:60]!r}, not {str(value)[:60]!r}"
            for name, value in row.items()
            if found.get(name) != value
        ]
        extra = [n for n, v in found.items() if v is not None and n not in row and not _ours(n)]
        problems += [f"{name} of {_key(row)} should be null" for name in extra]
    return problems


def _ours(name: str) -> bool:
    lineage = ("request_key", "enriched_at", "enrichment_request_id", "company_id", "person_id")
    return name.startswith("_dlt_") or name in lineage


def _key(row: Json) -> tuple[Any, ...]:
    if "label" in row:
        return (row["company_id"], row["label"])
    if "_dlt_list_idx" in row:
        return (row.get("person_id") or row.get("company_id"), row["_dlt_list_idx"])
    return (row["id"],)
