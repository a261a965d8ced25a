"""Who a lead is: spellings of one lead are one person, here as at the vendor's.

Every way to a person leads to the same one. Someone found by an e-mail address has a LinkedIn URL
that holds the address, someone found by a LinkedIn URL has an address that leads back to that URL;
so nothing has to be remembered, and all servers agree.

The normalisation is the server's own on purpose: a client that shares it could not be caught
normalising wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal
from urllib.parse import quote, unquote

from amplemarket_source.sandbox.options import KindName, Variant, kind_named

__all__ = [
    "COMPANY_POOL",
    "Outcome",
    "Subject",
    "company_subject",
    "lead_identity",
    "odd_fields",
    "subject_of",
]

Outcome = Literal["enriched", "not_found", "gdpr_removed"]
COMPANY_POOL = 500
"""A lead that names no company works at one of this many."""

LINKEDIN = "linkedin.example"
"""Where profiles are that were not asked for at another address."""

_AT = "_at_"
"""Between an address's two halves in a LinkedIn slug."""

_PROFILE = {
    "people": re.compile(r"(?:^|.*/)(?:in|pub)/[^/]+"),
    "companies": re.compile(r"(?:^|.*/)(?:company|school|showcase)/[^/]+"),
}
_DOMAIN = re.compile(r"[^\s/:@?#]+\.[^\s/:@?#.]+")
_PLAIN = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_ENCODED = re.compile(r"x-((?:[0-9a-f]{2})+)")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.ASCII)


@dataclass(frozen=True)
class Subject:
    """The person or company behind a lead.

    Attributes:
        entity_id: the id of the answer, shaped like a UUID, the same for each spelling.
        seed: a number drawn from the id, which everything invented is drawn from.
        handle: what names the subject: an e-mail's local part, a LinkedIn slug, a name with dots,
            a company's domain; lower case.
        domain: of the company (the person's, or the subject itself).
        email: of a person, whether revealed or not; empty for a company.
        linkedin_url: as it was asked for, or made from the rest.
        steered_by: the text whose beginning decides the outcome.
        is_odd: it was asked for by what cannot be a domain or the URL of a profile.
    """

    entity_id: str
    seed: int
    handle: str
    domain: str
    email: str
    linkedin_url: str
    steered_by: str
    is_odd: bool = False

    def outcome(self, variant: Variant) -> Outcome:
        """What enriching gives, decided by how the handle starts."""
        if self.steered_by.startswith(variant.removed_prefixes):
            return "gdpr_removed"
        if self.steered_by.startswith(variant.not_found_prefixes):
            return "not_found"
        return "not_found" if self.is_odd and variant.odd_identifiers != "found" else "enriched"


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


def odd_fields(kind: KindName, lead: Mapping[str, str]) -> list[str]:
    """The fields of a lead that cannot be a domain, or the URL of a profile: a URL is no domain
    (api-notes: domains).

    Example::

        >>> odd_fields("companies", {"domain": "https://site.example/about"})
        ['domain']
    """
    odd = [
        field
        for field in ("company_domain", "domain")
        if lead.get(field, "").strip() and not _DOMAIN.fullmatch(lead[field].strip())
    ]
    url = lead.get("linkedin_url", "")
    if url.strip() and not _PROFILE[kind].fullmatch(_bare_url(url)):
        odd.append("linkedin_url")
    return odd


def subject_of(kind: KindName, lead: Mapping[str, str]) -> Subject:
    """The person (or company) a valid lead leads to.

    An e-mail decides, then a LinkedIn URL, then the name, then the title with the company. A
    person asked for by name and company is the one whose e-mail is ``first.last@company``. What
    does not decide has no influence, so that one person always looks the same.
    """
    fields = {name: text for name, text in _normalised(kind, lead).items() if text}
    odd = odd_fields(kind, lead)
    if kind == "companies":
        if "domain" in fields:
            return replace(company_subject(fields["domain"]), is_odd="domain" in odd)
        url = fields.get("linkedin_url", "")
        found = company_subject(_company_of_slug(url.rsplit("/", 1)[-1]))
        return replace(found, linkedin_url=_asked(url, found), is_odd=bool(odd))
    if "email" in fields:
        local, _, host = fields["email"].rpartition("@")
        return _person(_decoded(local), host)
    if "linkedin_url" in fields:
        url = fields["linkedin_url"]
        found = _person(*_person_of_slug(url.rsplit("/", 1)[-1]))
        return replace(found, linkedin_url=_asked(url, found), is_odd="linkedin_url" in odd)
    domain = fields.get("company_domain") or _domain_of_name(fields.get("company_name", ""))
    if "name" in fields:
        return replace(_person(fields["name"].replace(" ", "."), domain), is_odd=bool(odd))
    title = fields.get("title", "")
    found = _person(_somebody(title, domain), domain)
    return replace(found, steered_by=title, is_odd=bool(odd))


def company_subject(domain: str) -> Subject:
    """The company at a normalised domain."""
    entity_id, seed = _identified(f"company:{domain}@{domain}")
    # Most slugs are the first part of a domain; another domain is its own slug.
    slug = domain.removesuffix(".example")
    slug = domain if "." in slug or slug == domain else slug
    return Subject(
        entity_id=entity_id,
        seed=seed,
        handle=domain,
        domain=domain,
        email="",
        linkedin_url=f"https://{LINKEDIN}/company/{_quoted(slug)}",
        steered_by=domain,
    )


def _company_of_slug(slug: str) -> str:
    slug = _unquoted(slug)
    return slug if "." in slug else _domain_of_name(slug)


def _domain_of_name(name: str) -> str:
    return "-".join(name.split()) + ".example"


def _person(handle: str, domain: str) -> Subject:
    is_pooled = domain.startswith("company-") and domain == _pooled(handle)
    slug = _quoted(handle) if is_pooled else f"{_quoted(handle)}{_AT}{_quoted(domain, '_')}"
    entity_id, seed = _identified(
        f"linkedin:{handle}@" if is_pooled else f"email:{handle}@{domain}"
    )
    return Subject(
        entity_id=entity_id,
        seed=seed,
        handle=handle,
        domain=domain,
        email=f"{_encoded(handle)}@{domain}",
        linkedin_url=f"https://{LINKEDIN}/in/{slug}",
        steered_by=handle,
    )


def _person_of_slug(slug: str) -> tuple[str, str]:
    handle, domain = (_unquoted(part) for part in slug.rpartition(_AT)[::2])
    slug = _unquoted(slug)
    return (handle, domain) if handle and domain else (slug, _pooled(slug))


def _pooled(handle: str) -> str:
    """The company of somebody of whom no company is known."""
    return f"company-{_identified(f'linkedin:{handle}@')[1] % COMPANY_POOL:03d}.example"


def _somebody(title: str, domain: str) -> str:
    """The handle of who has a title at a company."""
    seed = _identified(f"title:{title}@{domain}")[1]
    return f"sam.{_LAST_NAMES[seed % len(_LAST_NAMES)]}.{seed // 16 % 10_000:04d}"


_LAST_NAMES = ("almeida", "berg", "costa", "dubois", "eze", "fischer", "haddad", "ito")


def _asked(url: str, found: Subject) -> str:
    """The URL that a profile was asked for by, with the host it lacks, or else its own."""
    if "." not in url.partition("/")[0]:
        return found.linkedin_url
    return f"https://{url}"


def _quoted(text: str, also: str = "") -> str:
    quoted = quote(text, safe="", errors="surrogatepass")
    return quoted.replace(also, f"%{ord(also):02x}") if also else quoted


def _unquoted(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _encoded(handle: str) -> str:
    """A handle as the local part of an address; letters beyond ASCII are written in hexadecimal."""
    if _PLAIN.fullmatch(handle):
        return handle
    return f"x-{handle.encode('utf-8', 'surrogatepass').hex()}"


def _decoded(local: str) -> str:
    found = _ENCODED.fullmatch(local)
    if found is None:
        return local
    try:
        handle = bytes.fromhex(found[1]).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return local
    return local if _PLAIN.fullmatch(handle) else handle


def _identified(key: str) -> tuple[str, int]:
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    entity_id = f"{digest[:8]}-{digest[8:12]}-7{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"
    return entity_id, int(digest[:15], 16)
