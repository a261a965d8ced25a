"""What happens before the models are built: the same on every destination, to the last credit.

Two purchases of people and companies a month apart, in which some addresses are validated, people
change jobs, a field comes that nobody has documented, and the API removes somebody; then somebody
asks to be forgotten, and a run has nothing to do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from amplemarket_source.kinds import COMPANIES, EMAILS, PEOPLE
from amplemarket_source.load.waves import load_pending
from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.keys import identifier_keys
from amplemarket_source.run.enrichment import enrich
from amplemarket_source.run.sync import sync
from amplemarket_source.sandbox.faults import Fault
from tests.destinations.deployment import WarehouseDeployment
from tests.support.deployment import Deployment
from tests.support.steps import SteppedRun, open_ledger
from tests.workspace.conftest import SMALL

__all__ = ["FORGOTTEN", "REMOVED", "buy", "buy_again", "erase_people", "keep_in_step", "tell"]

_SITES = ("initech", "globex", "umbrella")
_NAMES = ("ada.quill", "grace.marsh", "alan.ferro", "edith.novak")
FORGOTTEN = "ada.quill@globex.example"
REMOVED = "removed.later@initech.example"
_EVERYBODY = [
    {"email": f"{name}@{site}.example", "external_id": f"crm-{name}-{site}"}
    for site in _SITES
    for name in _NAMES
]
_OTHERS = [
    {"linkedin_url": "https://www.linkedin.example/in/alan-byron", "external_id": "li-1"},
    {"name": "Mary Berg", "company_domain": "initech.example", "external_id": "name-1"},
    {"email": REMOVED, "external_id": "removed-later"},
    {"email": "notfound1@nowhere.example", "external_id": "missed"},
    {"email": "removed1@gone.example", "external_id": "removed"},
    {"email": "not an address", "external_id": "bad"},
    {**_EVERYBODY[0], "external_id": "the same lead again"},
]
_COMPANIES = [
    {"domain": "globex.example", "external_id": "account-1"},
    {"domain": "soylent.example", "external_id": "account-2"},
    {"domain": "notfound.example", "external_id": "account-3"},
]
_ADDRESSES = [
    *({"email": lead["email"].upper()} for lead in _EVERYBODY[:3]),
    {"email": FORGOTTEN, "external_id": "to-be-forgotten"},
    {"email": "risky.one@catchall.example"},
]
"""Those that are validated: of people, in another spelling, and of nobody else."""
_STREAMS = (
    *("users", "sequences", "call_dispositions", "excluded_domains", "excluded_emails"),
    *("calls", "task_statuses", "tasks"),
)
AGAIN = _EVERYBODY[:8]
"""Who is bought a second time."""


def tell(deployment: Deployment) -> str:
    """All of it.

    Returns:
        The id of the person who was forgotten.
    """
    buy(deployment)
    buy_again(deployment)
    [(person_id,)] = deployment.rows(f"SELECT id FROM people WHERE email = '{FORGOTTEN}'")
    erase_people(deployment)
    return str(person_id)


def keep_in_step(deployment: WarehouseDeployment) -> None:
    """Two syncs of a small workspace: what sequences, calls and exclusions have to be told by.

    Between them a user, a sequence, a call and an exclusion leave. Lists and contacts are not
    read. The tables are in another dataset than what was bought.
    """
    sizes = {name: value for name, value in vars(SMALL).items() if name != "seed"}
    deployment.sandbox.configure(**sizes)
    workspace = deployment.server.workspace
    for domain in ("Umbrella.example", "globex.example", "soylent.example"):
        workspace.add("excluded_domains", domain=domain)
    for email in ("Grace.Marsh@Initech.example", FORGOTTEN):
        workspace.add("excluded_emails", email=email)
    pipeline = deployment.workspace_pipeline()

    def read() -> None:
        sync(
            pipeline,
            _STREAMS,
            full=True,
            api_key="sandbox-key",
            base_url=deployment.server.url,
            requests_per_minute=600_000,
        ).raise_unless_done()

    read()
    workspace.remove("users", workspace.rows("users")[1]["id"])
    workspace.remove("sequences", workspace.rows("sequences")[0]["id"])
    workspace.remove("calls", workspace.rows("calls")[0]["id"])
    workspace.remove("excluded_domains", "globex.example")
    read()


def buy(deployment: Deployment) -> None:
    """The first purchase, with everything revealed."""
    deployment.sandbox.configure(removed_prefixes=("removed1",))
    _run(
        deployment,
        {PEOPLE: [*_EVERYBODY, *_OTHERS], COMPANIES: _COMPANIES, EMAILS: _ADDRESSES},
        reveal_email=True,
        reveal_phone_numbers=True,
        label="first",
    )


def buy_again(deployment: Deployment) -> None:
    """Forty days later: other titles, another company, one removed, a new field, little money."""
    deployment.clock.advance(timedelta(days=40).total_seconds())
    deployment.sandbox.configure(generation=1, removed_prefixes=("removed",))
    deployment.sandbox.set_faults(Fault("row_patch", value=_moved))
    removed = {"email": REMOVED, "external_id": "removed-later"}
    late = [{"email": f"late{n}@globex.example", "external_id": f"late-{n}"} for n in range(4)]
    _run(
        deployment,
        {PEOPLE: [*AGAIN, removed, *late], COMPANIES: _COMPANIES[:1]},
        refresh_after="1d",
        # Eleven times half a credit: two of the late ones are left for another day.
        max_credits=6.0,
        label="again",
    )
    deployment.sandbox.set_faults()


def erase_people(deployment: Deployment) -> None:
    """Somebody asks for it; and a run has nothing to do."""
    pipeline = deployment.pipeline()
    with open_ledger(pipeline) as ledger:
        erase(
            ledger.warehouse,
            lead_keys=identifier_keys(FORGOTTEN, None),
            person_ids=[],
            at=deployment.clock.now(),
            reason="request",
        )
    found = enrich(
        pipeline,
        _EVERYBODY[:2],
        label="nothing to do",
        api_key="sandbox-key",
        base_url=deployment.server.url,
        requests_per_minute=600_000,
    )
    assert (found.exit_code, found.outcomes) == (0, {}), found


def _run(deployment: Deployment, inputs: dict[Any, Any], **settings: Any) -> None:
    pipeline = deployment.pipeline()
    load_pending(pipeline)
    with SteppedRun(pipeline, deployment.settings(**settings), deployment.clock) as run:
        run.prepare(inputs)
        run.load()


def _moved(person: dict[str, Any]) -> dict[str, Any]:
    """A field that nobody has documented; and of those of one name another employer."""
    company = person["company"]
    if person["name"] == "Grace Marsh":
        company = {
            **company,
            "id": "hooli-0001",
            "name": "Hooli",
            "website": "https://hooli.example",
        }
    return {**person, "pronouns": "they/them", "company": company}
