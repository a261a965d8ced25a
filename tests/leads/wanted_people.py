"""The exports of people in ``exports``, and what is wanted of each."""

from __future__ import annotations

from dataclasses import replace

from amplemarket_source.kinds import PEOPLE

from .wanted import NOT_ENOUGH, OTHER_LENGTH, Export

__all__ = ["EXPORTS_OF_PEOPLE"]

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

EXPORTS_OF_PEOPLE: dict[str, Export] = {
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
        rejects=(("lead", NOT_ENOUGH, 7), ("lead", OTHER_LENGTH, 8)),
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
}
