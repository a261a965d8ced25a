"""Exports of CRMs and of tools around LinkedIn, read as they are: nothing mapped by hand.

The files are in ``exports``; its README says whose each is. What is expected was decided from the
file, not from what the code makes of it: a lead is sent with every identifier that is good, a
person with their own LinkedIn URL and id, and a reject names the line that an editor shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.leads.intake import ingest
from amplemarket_source.model import COMPANIES, PEOPLE, Kind
from amplemarket_source.workbench import Workbench

from .conftest import SEEN_AT

FOLDER = Path(__file__).parent / "exports"
NOT_ENOUGH = "not_enough_to_identify"
SHORT = "wrong_number_of_columns"


@dataclass(frozen=True)
class Export:
    """What a user wants of a file.

    Attributes:
        read: rows; empty lines and the notes below a report do not count.
        columns: what is taken for what, the surest of them.
        leads: of each its external id, what it is found by, and the host it is sent with.
        first: all that is sent of the first lead.
        rejects: stage, reason and line.
        encoding: that the user has to say.
    """

    kind: Kind
    read: int
    invalid: int
    unique: int
    columns: dict[str, str]
    leads: tuple[tuple[str | None, str, str | None], ...]
    first: dict[str, str]
    rejects: tuple[tuple[str, str, int], ...] = ()
    encoding: str | None = None


HUBSPOT_CONTACTS = Export(
    PEOPLE,
    read=6,
    invalid=1,
    unique=4,
    columns={
        "email": "Email",
        "company_name": "Associated Company",
        "first_name": "First Name",
        "last_name": "Last Name",
        "external_id": "Record ID",
    },
    leads=(
        ("51000000101", "email", None),
        ("51000000102", "name", None),
        ("51000000103", "email", None),
        ("51000000105", "email", None),
        ("51000000106", "email", None),
    ),
    first={
        "email": "ada.marlow@nimbus.example",
        "company_name": "Nimbus Example Ltd",
        "name": "Ada Marlow",
    },
    rejects=(("lead", NOT_ENOUGH, 5),),
)

ADA_OF_APOLLO = {
    "email": "ada.marlow@nimbus.example",
    "linkedin_url": "http://www.linkedin.com/in/ada-example-1",
    "company_domain": "nimbus.example",
    "company_name": "Nimbus Example Ltd",
    "name": "Ada Marlow",
    "title": "Head of Sales",
}
"""The same person in most of the files; the spelling of her LinkedIn URL differs."""
ADA = ADA_OF_APOLLO | {"linkedin_url": "https://www.linkedin.com/in/ada-example-1"}

EXPORTS: dict[str, Export] = {
    "hubspot-contacts.csv": HUBSPOT_CONTACTS,
    "hubspot-contacts-german-excel.csv": replace(HUBSPOT_CONTACTS, encoding="cp1252"),
    "hubspot-contacts-unicode-text.txt": HUBSPOT_CONTACTS,
    "hubspot-contacts.xlsx": HUBSPOT_CONTACTS,
    "hubspot-contacts-all-properties.csv": Export(
        PEOPLE,
        read=5,
        invalid=1,
        unique=4,
        columns={
            "email": "Email",
            "linkedin_url": "LinkedIn URL",
            "company_domain": "Company domain name",
            "company_name": "Company Name",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Job Title",
            "external_id": "Record ID",
        },
        leads=(
            ("51000000201", "email", "nimbus.example"),
            # Only her work e-mail is there.
            ("51000000202", "email", None),
            ("51000000203", "email", None),
            ("51000000204", "linkedin_url", None),
        ),
        first=ADA | {"linkedin_url": "https://www.linkedin.com/in/ada-example-1/"},
        rejects=(("field", "company_domain_malformed", 5), ("lead", NOT_ENOUGH, 7)),
    ),
    "hubspot-contacts-and-companies.csv": Export(
        PEOPLE,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "email": "Email",
            "company_name": "Company name",
            "first_name": "First Name",
            "last_name": "Last Name",
            "external_id": "Record ID - Contact",
        },
        leads=(
            ("51000000301", "email", None),
            ("51000000302", "name", None),
            ("51000000304", "email", None),
        ),
        first={
            "email": "ada.marlow@nimbus.example",
            "company_name": "Nimbus Example Ltd",
            "name": "Ada Marlow",
        },
        rejects=(("lead", NOT_ENOUGH, 4),),
    ),
    "salesforce-lead-report.csv": Export(
        PEOPLE,
        read=4,
        invalid=0,
        unique=4,
        columns={
            "email": "Email",
            "company_name": "Company / Account",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Title",
            "external_id": "Lead ID",
        },
        leads=(
            # The ids of reports differ in case.
            ("00Q000000eXam01", "email", None),
            ("00Q000000Exam01", "name", None),
            ("00Q000000eXam03", "email", None),
            ("00Q000000eXam04", "email", None),
        ),
        first={
            "email": "celine.faure@nimbus.example",
            "company_name": "Société Exemple",
            "name": "Céline Fauré",
            "title": "Directrice générale",
        },
        encoding="cp1252",
    ),
    "salesforce-contact-report.csv": Export(
        PEOPLE,
        read=5,
        invalid=1,
        unique=3,
        columns={
            "email": "Email",
            "company_domain": "Website",
            "company_name": "Account Name",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Title",
            "external_id": "Contact ID",
        },
        leads=(
            ("003000000eXam01", "email", "nimbus.example"),
            ("003000000eXam02", "name", "kite.example"),
            ("003000000eXam03", "email", None),
            ("003000000EXAM01", "email", "nimbus.example"),
        ),
        first={name: ADA[name] for name in ADA if name != "linkedin_url"},
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "salesforce-lead-api.csv": Export(
        PEOPLE,
        read=4,
        invalid=0,
        unique=4,
        columns={
            "email": "Email",
            "linkedin_url": "LinkedIn__c",
            "company_domain": "Website",
            "company_name": "Company",
            "name": "Name",
            "first_name": "FirstName",
            "last_name": "LastName",
            "title": "Title",
            "external_id": "Id",
        },
        leads=(
            ("00Q000000eXam01AAA", "email", "nimbus.example"),
            ("00Q000000eXam02AAB", "email", None),
            ("00Q000000eXam03AAC", "linkedin_url", None),
            ("00Q000000eXam04AAD", "email", "heron.example"),
        ),
        first=ADA,
        rejects=(
            # The page of a company where the person's should be.
            ("field", "linkedin_url_malformed", 3),
            ("field", "company_domain_malformed", 5),
        ),
    ),
    "salesforce-contact-api.csv": Export(
        PEOPLE,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "email": "Email",
            "company_domain": "Account.Website",
            "company_name": "Account.Name",
            "name": "Name",
            "first_name": "FirstName",
            "last_name": "LastName",
            "title": "Title",
            "external_id": "Id",
        },
        leads=(
            ("003000000eXam01AAA", "email", "nimbus.example"),
            ("003000000eXam02AAB", "name", "kite.example"),
            ("003000000eXam04AAD", "email", None),
        ),
        first={name: ADA[name] for name in ADA if name != "linkedin_url"},
        # The e-mail in that line is the owner's.
        rejects=(("lead", NOT_ENOUGH, 5),),
    ),
    "apollo-people.csv": Export(
        PEOPLE,
        read=5,
        invalid=0,
        unique=5,
        columns={
            "email": "Email",
            "linkedin_url": "Person Linkedin Url",
            "company_domain": "Website",
            "company_name": "Company Name",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Title",
            "external_id": "Apollo Contact Id",
        },
        leads=(
            ("64e0000000000000000000a1", "email", "nimbus.example"),
            # Only the secondary e-mail is there.
            ("64e0000000000000000000a2", "email", "kite.example"),
            ("64e0000000000000000000a3", "linkedin_url", None),
            # The LinkedIn URL in that line is the company's.
            ("64e0000000000000000000a4", "name", None),
            ("64e0000000000000000000a5", "email", "otter.example"),
        ),
        first=ADA_OF_APOLLO,
    ),
    "apollo-people-older.csv": Export(
        PEOPLE,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "email": "Email",
            "linkedin_url": "Person Linkedin Url",
            "company_domain": "Website",
            "company_name": "Company",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Title",
            "external_id": "Apollo Contact Id",
        },
        leads=(
            ("64e0000000000000000000a1", "email", "nimbus.example"),
            ("64e0000000000000000000a2", "name", "kite.example"),
            ("64e0000000000000000000a3", "linkedin_url", None),
        ),
        first=ADA_OF_APOLLO,
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "linkedin-connections.csv": Export(
        PEOPLE,
        read=6,
        invalid=2,
        unique=4,
        columns={
            "email": "Email Address",
            "linkedin_url": "URL",
            "company_name": "Company",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Position",
        },
        leads=(
            (None, "email", None),
            (None, "linkedin_url", None),
            (None, "linkedin_url", None),
            (None, "linkedin_url", None),
        ),
        first={name: ADA[name] for name in ADA if name != "company_domain"},
        rejects=(("lead", NOT_ENOUGH, 7), ("lead", SHORT, 8)),
    ),
    "evaboot-leads.csv": Export(
        PEOPLE,
        read=4,
        invalid=0,
        unique=4,
        columns={
            "email": "Email",
            "linkedin_url": "Linkedin URL Public",
            "company_domain": "Company Domain",
            "company_name": "Company Name",
            "name": "Full Name",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Current Job",
        },
        leads=(
            (None, "email", "nimbus.example"),
            # Of his LinkedIn URLs and his company's addresses only the second ones are there.
            (None, "linkedin_url", "kite.example"),
            (None, "linkedin_url", "heron.example"),
            (None, "name", None),
        ),
        first=ADA
        | {
            "email": "ada@marlow-mail.example",
            "linkedin_url": "https://www.linkedin.com/in/ada-example-1/",
            "title": "Founder & CEO",
        },
    ),
    "phantombuster-sales-navigator.csv": Export(
        PEOPLE,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "linkedin_url": "linkedInProfileUrl",
            "company_name": "companyName",
            "name": "name",
            "first_name": "firstName",
            "last_name": "lastName",
            "title": "title",
            "external_id": "vmid",
        },
        leads=(
            ("ACwAAAExample1", "linkedin_url", None),
            ("ACwAAAExample2", "linkedin_url", None),
            ("ACwAAAExample4", "linkedin_url", None),
        ),
        first={
            "linkedin_url": "https://www.linkedin.com/in/ACwAAAExample1/",
            "company_name": "Nimbus Example Ltd",
            "name": "Ada Marlow",
            "title": "Head of Sales",
        },
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "wiza.csv": Export(
        PEOPLE,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "email": "email",
            "linkedin_url": "linkedin",
            "company_domain": "domain",
            "company_name": "company",
            "name": "full_name",
            "first_name": "first_name",
            "last_name": "last_name",
            "title": "title",
        },
        leads=(
            (None, "email", "nimbus.example"),
            (None, "linkedin_url", "kite.example"),
            (None, "email", None),
        ),
        first=ADA,
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "pipedrive-people.csv": Export(
        PEOPLE,
        read=5,
        invalid=1,
        unique=4,
        columns={
            "email": "Person - Email - Work",
            "company_name": "Person - Organization",
            "name": "Person - Name",
            "external_id": "Person - ID",
        },
        leads=(
            ("601", "email", None),
            # Only the e-mail of his home is there.
            ("602", "email", None),
            # Two e-mails in one cell: nobody knows which is hers.
            ("603", "name", None),
            ("604", "name", None),
        ),
        first={
            "email": "ada.marlow@nimbus.example",
            "company_name": "Nimbus Example Ltd",
            "name": "Ada Marlow",
        },
        rejects=(("field", "email_malformed", 4), ("lead", NOT_ENOUGH, 6)),
    ),
    "outreach-prospects.csv": Export(
        PEOPLE,
        read=5,
        invalid=1,
        unique=4,
        columns={
            "email": "Work Email",
            "linkedin_url": "LinkedIn URL",
            "company_domain": "Company Website",
            "company_name": "Company",
            "first_name": "First Name",
            "last_name": "Last Name",
            "title": "Title",
            "external_id": "Prospect ID",
        },
        leads=(
            ("701", "email", "nimbus.example"),
            ("702", "linkedin_url", None),
            # Only the personal e-mail is there.
            ("703", "email", "heron.example"),
            # Only the account says which company.
            ("704", "name", None),
        ),
        first=ADA,
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "hubspot-companies.csv": Export(
        COMPANIES,
        read=6,
        invalid=1,
        unique=4,
        columns={
            "domain": "Company Domain Name",
            "linkedin_url": "LinkedIn Company Page",
            "external_id": "Record ID",
        },
        leads=(
            ("8100000001", "domain", "nimbus.example"),
            # Only the website is there.
            ("8100000002", "domain", "kite.example"),
            ("8100000003", "linkedin_url", None),
            ("8100000005", "linkedin_url", None),
            ("8100000006", "domain", "nimbus.example"),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "https://www.linkedin.com/company/nimbus-example",
        },
        rejects=(("lead", NOT_ENOUGH, 6), ("field", "domain_malformed", 7)),
    ),
    "salesforce-account-report.csv": Export(
        COMPANIES,
        read=5,
        invalid=2,
        unique=3,
        columns={"domain": "Website", "external_id": "Account ID"},
        leads=(
            ("001000000eXam01", "domain", "nimbus.example"),
            ("001000000Exam01", "domain", "kite.example"),
            ("001000000eXam05", "domain", "otter.example"),
        ),
        first={"domain": "nimbus.example"},
        rejects=(("lead", NOT_ENOUGH, 5), ("lead", "domain_malformed", 6)),
    ),
    "salesforce-account-api.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={"domain": "Website", "linkedin_url": "LinkedIn__c", "external_id": "Id"},
        leads=(
            ("001000000eXam01AAA", "domain", "nimbus.example"),
            ("001000000eXam02AAB", "linkedin_url", None),
            ("001000000eXam03AAC", "domain", "otter.example"),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "https://www.linkedin.com/company/nimbus-example",
        },
        rejects=(
            # The profile of a person where the company's page should be.
            ("field", "linkedin_url_malformed", 6),
            ("lead", NOT_ENOUGH, 7),
        ),
    ),
    "apollo-accounts.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "domain": "Website",
            "linkedin_url": "Company Linkedin Url",
            "external_id": "Apollo Account Id",
        },
        leads=(
            ("64e0000000000000000000c1", "domain", "nimbus.example"),
            ("64e0000000000000000000c2", "domain", "kite.example"),
            ("64e0000000000000000000c3", "linkedin_url", None),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "http://www.linkedin.com/company/nimbus-example",
        },
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "apollo-accounts-few-columns.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "domain": "Website",
            "linkedin_url": "Company Linkedin Url",
            "external_id": "Apollo Record Id",
        },
        leads=(
            ("64e0000000000000000000d1", "domain", "nimbus.example"),
            ("64e0000000000000000000d2", "domain", "kite.example"),
            ("64e0000000000000000000d3", "linkedin_url", None),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "http://www.linkedin.com/company/nimbus-example",
        },
        rejects=(("lead", NOT_ENOUGH, 5),),
    ),
    "evaboot-companies.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "domain": "Company Domain",
            "linkedin_url": "Company Linkedin URL Unique ID",
        },
        leads=(
            (None, "domain", "nimbus.example"),
            # Only the website is there.
            (None, "domain", "kite.example"),
            (None, "linkedin_url", None),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "https://www.linkedin.com/company/9000000001",
        },
        rejects=(("lead", NOT_ENOUGH, 8),),
    ),
    "pipedrive-organizations.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "domain": "Organization - Website",
            "linkedin_url": "Organization - LinkedIn profile",
            "external_id": "Organization - ID",
        },
        leads=(
            ("71", "domain", "nimbus.example"),
            ("72", "domain", "kite.example"),
            ("73", "linkedin_url", None),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "https://www.linkedin.com/company/nimbus-example/",
        },
        rejects=(("lead", NOT_ENOUGH, 6),),
    ),
    "outreach-accounts.csv": Export(
        COMPANIES,
        read=4,
        invalid=1,
        unique=3,
        columns={
            "domain": "Domain",
            "linkedin_url": "LinkedIn URL",
            "external_id": "Account ID",
        },
        leads=(
            ("81", "domain", "nimbus.example"),
            # Only the website is there.
            ("82", "domain", "kite.example"),
            ("83", "linkedin_url", None),
        ),
        first={
            "domain": "nimbus.example",
            "linkedin_url": "https://www.linkedin.com/company/nimbus-example",
        },
        rejects=(("lead", NOT_ENOUGH, 5),),
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_it_is(
    name: str, work: Workbench, rows: Callable[..., list[tuple[Any, ...]]]
) -> None:
    wanted = EXPORTS[name]
    if name.endswith(".xlsx"):
        pytest.importorskip("fastexcel")
    intake = ingest(
        work,
        FOLDER / name,
        wanted.kind,
        seen_at=SEEN_AT,
        said=None,
        encoding=wanted.encoding,
    )

    host = "company_domain" if wanted.kind == PEOPLE else "domain"
    fields = wanted.kind.identifying
    first = dict(zip(fields, rows("leads", ", ".join(fields))[0], strict=True))
    rejects = rows("lead_rejects", "stage, reason, line")
    assert wanted == Export(
        wanted.kind,
        read=intake.read,
        invalid=intake.invalid,
        unique=intake.unique,
        columns={name: names[0] for name, names in intake.columns.items()},
        leads=tuple(rows("leads", f"external_id, input_kind, {host}")),
        first={field: value for field, value in first.items() if value is not None},
        rejects=tuple(sorted(rejects, key=lambda reject: reject[2])),
        encoding=wanted.encoding,
    )


def test_every_export_has_an_expectation_and_every_expectation_an_export() -> None:
    there = {path.name for path in FOLDER.iterdir()} - {"README.md", ".gitattributes"}
    assert there == set(EXPORTS)
