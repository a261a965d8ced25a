"""The exports of companies in ``exports``, and what is wanted of each."""

from __future__ import annotations

from amplemarket_source.kinds import COMPANIES

from .wanted import NOT_ENOUGH, Export

__all__ = ["EXPORTS_OF_COMPANIES"]

EXPORTS_OF_COMPANIES: dict[str, Export] = {
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
