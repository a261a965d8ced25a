"""Who a lead is: spellings of one lead are one person, here as at the vendor's.

The normalisation is the server's own on purpose: a client that shares it could not be caught
normalising wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from amplemarket_source.sandbox.options import KindName, Variant, kind_named

__all__ = ["Outcome", "Subject", "lead_identity", "subject_of"]

Outcome = Literal["enriched", "not_found", "gdpr_removed"]
FoundBy = Literal["email", "linkedin", "title", "company"]

COMPANY_POOL = 500
"""A lead that names no company works at one of this many."""

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.ASCII)


@dataclass(frozen=True)
class Subject:
    """The person or company behind a lead.

    Attributes:
        entity_id: the id of the answer, shaped like a UUID, the same for each spelling.
        seed: a number drawn from the id, which everything invented is drawn from.
        found_by: what identified it; a name with a company counts as the e-mail it makes.
        handle: the part of the lead that names the subject: an e-mail's local part, a LinkedIn
            slug, a name, a title, a domain; lower case. Steers the outcome.
        domain: of the company (the person's, or the subject itself).
    """

    entity_id: str
    seed: int
    found_by: FoundBy
    handle: str
    domain: str

    def outcome(self, variant: Variant) -> Outcome:
        """What enriching gives, decided by how the handle starts."""
        if self.handle.startswith(variant.removed_prefixes):
            return "gdpr_removed"
        if self.handle.startswith(variant.not_found_prefixes):
            return "not_found"
        return "enriched"


def _bare_url(text: str) -> str:
    """``HTTPS://www.Site.example/in/Ada/?x=1`` becomes ``site.example/in/ada``."""
    bare = _SCHEME.sub("", text.strip().casefold())
    bare = bare.split("#", 1)[0].split("?", 1)[0].rstrip("/")
    return bare.removeprefix("www.")


def _bare_domain(text: str) -> str:
    return _bare_url(text).split("/", 1)[0]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


_NORMALISE = {
    "email": lambda text: text.strip().casefold(),
    "linkedin_url": _bare_url,
    "company_domain": _bare_domain,
    "domain": _bare_domain,
    "company_name": _folded,
    "name": _folded,
    "title": _folded,
}


def _normalised(kind: KindName, lead: Mapping[str, str]) -> dict[str, str]:
    return {
        field: _NORMALISE[field](lead[field])
        for field in kind_named(kind).identifying
        if field in lead
    }


def lead_identity(kind: KindName, lead: Mapping[str, str]) -> str:
    """The lead as the charge log names it: its normalised fields, in a fixed order.

    Example::

        >>> lead_identity("people", {"email": " Ada@Site.example "})
        'email=ada@site.example'
    """
    return "|".join(f"{field}={value}" for field, value in _normalised(kind, lead).items())


def subject_of(kind: KindName, lead: Mapping[str, str]) -> Subject:
    """The person (or company) a valid lead leads to.

    An e-mail decides, then a LinkedIn URL, then the name, then the title with the company. A
    person asked for by name and company is the one whose e-mail is ``first.last@company``. What
    does not decide has no influence, so that one person always looks the same.
    """
    fields = _normalised(kind, lead)
    if kind == "companies":
        return _company_subject(fields)
    if "email" in fields:
        handle, _, host = fields["email"].rpartition("@")
        return _subject("email", handle, host)
    if "linkedin_url" in fields:
        return _subject("linkedin", fields["linkedin_url"].rsplit("/", 1)[-1])
    domain = fields.get("company_domain") or _domain_of_name(fields["company_name"])
    if "name" in fields:
        return _subject("email", fields["name"].replace(" ", "."), domain)
    return _subject("title", fields["title"], domain)


def _company_subject(fields: Mapping[str, str]) -> Subject:
    domain = fields.get("domain")
    if not domain:
        domain = _domain_of_name(fields["linkedin_url"].rsplit("/", 1)[-1])
    return company_subject(domain)


def company_subject(domain: str) -> Subject:
    """The company at a normalised domain."""
    return _subject("company", domain, domain)


def _domain_of_name(name: str) -> str:
    return "-".join(name.split()) + ".example"


def _subject(found_by: FoundBy, handle: str, domain: str = "") -> Subject:
    key = f"{found_by}:{handle}@{domain}".encode("utf-8", "surrogatepass")
    digest = blake2b(key, digest_size=16).hexdigest()
    seed = int(digest[:15], 16)
    return Subject(
        entity_id=f"{digest[:8]}-{digest[8:12]}-7{digest[13:16]}-8{digest[17:20]}-{digest[20:]}",
        seed=seed,
        found_by=found_by,
        handle=handle,
        domain=domain or f"company-{seed % COMPANY_POOL:03d}.example",
    )
