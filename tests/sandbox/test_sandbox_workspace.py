"""The workspace of the bundled server: pages, filters, relations, and changes between two syncs."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amplemarket_source.sandbox import Fault, SandboxOptions, Workspace, WorkspaceSizes
from tests.sandbox.sandbox_api import Api
from tests.support.clock import ManualClock

Row = dict[str, Any]


def walked(api: Api, path: str, name: str) -> list[Row]:
    """All rows of a list, by its next links."""
    rows: list[Row] = []
    while path:
        document = api.client.get(path).raise_for_status().json()
        rows += document[name]
        path = document["_links"].get("next", {}).get("href", "")
    return rows


def first(api: Api, path: str, name: str) -> Row:
    return dict(api.client.get(path).json()[name][0])


LISTS = [
    ("/users", "users", 25, 20),
    ("/sequences", "sequences", 30, 20),
    ("/mailboxes", "mailboxes", 45, 20),
    ("/calls", "calls", 150, 20),
    ("/calls/dispositions", "dispositions", 6, 20),
    ("/lead-lists", "lead_lists", 12, 20),
    ("/accounts", "accounts", 60, 20),
    ("/excluded-domains", "excluded_domains", 40, 2000),
    ("/excluded-emails", "excluded_emails", 60, 2000),
]


@pytest.mark.parametrize(("path", "name", "count", "page"), LISTS)
def test_next_links_lead_to_each_row_of_a_list_once(
    api: Api, path: str, name: str, count: int, page: int
) -> None:
    document = api.client.get(path).json()
    assert list(document) == [name, "_links"]
    assert len(document[name]) == min(count, page)
    rows = walked(api, path, name)
    key = {"excluded_domains": "domain", "excluded_emails": "email"}.get(name, "id")
    assert len(rows) == len({row[key] for row in rows}) == count


def test_links_are_relative_with_raw_brackets_and_keep_the_filters(api: Api) -> None:
    path = "/users?role=sales_rep&page[size]=3"
    document = api.client.get(path).json()
    last = document["users"][-1]["id"]
    assert document["_links"] == {
        "self": {"href": path},
        "next": {"href": f"{path}&page[after]={last}"},
    }
    second = api.client.get(document["_links"]["next"]["href"]).json()
    back = api.client.get(second["_links"]["prev"]["href"]).json()
    assert back["users"] == document["users"]
    assert "prev" not in back["_links"]
    assert api.client.get("/excluded-domains").json()["_links"] == {
        "self": {"href": "/excluded-domains?size=2000"}
    }


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/users?page=2", "page"),
        ("/users?page[after]=x", "page[after]"),
        ("/calls?start_date_from=soon", "start_date_from"),
        ("/tasks?user_id=u&automatic=yes", "automatic"),
        ("/tasks?user_id=u&contact_local_time_from=24", "contact_local_time_from"),
        ("/contacts?" + "&".join(f"ids[]={number}" for number in range(21)), "ids"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_its_name(
    api: Api, path: str, parameter: str
) -> None:
    user = first(api, "/users", "users")["id"]
    response = api.client.get(path.replace("=u&", f"={user}&"))
    assert response.status_code == 400
    assert response.json()["_errors"][0]["source"] == {"parameter": parameter}


@pytest.mark.parametrize(
    ("path", "parameter"),
    [("/tasks", "user_id"), ("/contacts", "ids"), ("/job-openings", "company_id")],
)
def test_what_is_listed_by_something_needs_it(api: Api, path: str, parameter: str) -> None:
    problem = api.client.get(path).json()["_errors"][0]
    assert (problem["code"], problem["source"]) == ("missing_field", {"parameter": parameter})


def test_a_page_of_mailboxes_has_at_most_twenty(api: Api) -> None:
    assert len(api.client.get("/mailboxes?page[size]=100").json()["mailboxes"]) == 20
    api.sandbox.configure(large_pages="refused")
    assert api.client.get("/mailboxes?page[size]=21").status_code == 400
    assert api.client.get("/sequences?page[size]=100").status_code == 200


def test_every_relation_leads_to_a_row_that_is_there(api: Api) -> None:
    users = {row["id"]: row for row in walked(api, "/users", "users")}
    boxes = {row["id"]: row for row in walked(api, "/mailboxes?page[size]=20", "mailboxes")}
    sequences = {row["id"] for row in walked(api, "/sequences", "sequences")}
    dispositions = {row["id"]: row for row in walked(api, "/calls/dispositions", "dispositions")}
    tasks = {
        row["id"]: row
        for user in list(users)[:3]
        for row in walked(api, f"/tasks?user_id={user}&page[size]=100", "tasks")
    }
    own = {box["id"] for user in users.values() for box in user["mailboxes"]}
    assert own == set(boxes)
    assert [user["mailboxes"] for user in users.values()][-1] == []
    assert all(box["user"].items() <= users[box["user"]["id"]].items() for box in boxes.values())
    assert {task["sequence_key"] for task in tasks.values()} - {None} <= sequences
    assert all(users[task["user_id"]]["email"] == task["user_email"] for task in tasks.values())

    calls = [row for row in walked(api, "/calls", "calls") if row["user_id"] in list(users)[:3]]
    assert len(calls) >= 12
    for call in calls:
        task = tasks[call["task_id"]]
        assert (task["type"], task["user_id"]) == ("phone_call", call["user_id"])
        assert task["contact"] == call["contact"]
        if call["disposition_id"]:
            assert dispositions[call["disposition_id"]]["name"] == call["disposition_name"]

    named = {task["contact"]["id"]: task["contact"] for task in tasks.values() if task["contact"]}
    ids = list(named)[:20]
    contacts = api.client.get("/contacts", params={"ids[]": ids}).json()["contacts"]
    assert [contact["id"] for contact in contacts] == ids
    assert all(named[contact["id"]].items() <= contact.items() for contact in contacts)
    one = api.client.get(f"/contacts/{ids[0]}").json()
    assert one == contacts[0] == api.client.get(f"/contacts/email/{one['email']}").json()


def test_an_entry_of_a_list_is_the_person_that_enrichment_gives(api: Api) -> None:
    lead_list = first(api, "/lead-lists?status=completed", "lead_lists")
    path = f"/lead-lists/{lead_list['id']}"
    document = api.client.get(path).json()
    assert len(document["leads"]) == 100
    assert {name: document[name] for name in lead_list} == lead_list
    entries = walked(api, path, "leads")
    assert len({entry["id"] for entry in entries}) == 130
    assert sum(entry["email"] is None for entry in entries) == 13
    for entry in entries[8:10]:
        by = (
            {"email": entry["email"]} if entry["email"] else {"linkedin_url": entry["linkedin_url"]}
        )
        person = api.client.get("/people/find", params=by).json()
        other = api.client.get(
            "/people/find", params={"linkedin_url": entry["linkedin_url"]}
        ).json()
        assert person == other
        assert [entry[name] for name in ("first_name", "title", "linkedin_url")] == [
            person[name] for name in ("first_name", "title", "linkedin_url")
        ]
        assert entry["company_linkedin_url"] == person["company"]["linkedin_url"]
    assert api.client.get(f"/contacts/{entries[0]['id']}").status_code == 404  # no contact's id


def test_an_account_is_the_company_that_enrichment_gives(api: Api) -> None:
    account = first(api, "/accounts", "accounts")
    found = api.client.get("/companies/find", params={"linkedin_url": account["linkedin_url"]})
    assert (found.json()["name"], found.json()["website"]) == (account["name"], account["website"])
    openings = {"company_id": found.json()["id"]}, {"domain": account["website"][8:]}
    by_id, by_domain = (
        api.client.get("/job-openings", params=query).json()["job_openings"] for query in openings
    )
    assert by_id == by_domain
    assert len(by_id) == 3
    detail = api.client.get(f"/job-openings/{by_id[0]['id']}").json()
    assert by_id[0].items() < detail.items()
    assert "description" not in by_id[0]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/users?status=inactive", "users", lambda row: row["status"] == "inactive"),
        ("/users?role=admin&status=active", "users", lambda row: row["role"] == "admin"),
        ("/sequences?name=RENEWAL", "sequences", lambda row: "renewal" in row["name"]),
        (
            "/mailboxes?email_provider=google",
            "mailboxes",
            lambda r: r["email_provider"] == "google",
        ),
        ("/lead-lists?status=queued", "lead_lists", lambda row: row["status"] == "queued"),
        ("/accounts?domain=company-007.example", "accounts", lambda row: "007" in row["name"]),
        (
            "/calls?start_date_from=2024-01-02T08:00:00Z&start_date_to=2024-01-03T08:00:00Z",
            "calls",
            lambda row: "2024-01-02T08:00:00Z" <= row["start_date"] <= "2024-01-03T08:00:00Z",
        ),
    ],
)
def test_a_filter_gives_the_rows_that_match_and_no_other(
    api: Api, path: str, name: str, expected: Any
) -> None:
    found = walked(api, path, name)
    everything = walked(api, path.split("?")[0], name)
    assert found == [row for row in everything if expected(row)]
    assert 0 < len(found) < len(everything)


def test_tasks_are_narrowed_by_what_they_hold(api: Api) -> None:
    user = first(api, "/users", "users")["id"]
    everything = walked(api, f"/tasks?user_id={user}&page[size]=100", "tasks")
    path = f"/tasks?user_id={user}"
    contact = next(task["contact"] for task in everything if task["contact"])
    sequence = everything[0]["sequence_key"]
    for query, matches in (
        ("type=email&automatic=true", lambda row: row["type"] == "email" and row["automatic"]),
        ("status=scheduled", lambda row: row["finished_on"] is None),
        (f"keyword={contact['email']}", lambda row: row["contact"] == contact),
        (f"sequence_key={sequence}", lambda row: row["sequence_key"] == sequence),
    ):
        found = walked(api, f"{path}&{query}", "tasks")
        assert found == [row for row in everything if matches(row)]
        assert found
    opened = walked(api, f"{path}&message_opens=3", "tasks")
    assert 0 < len(opened) < len(everything)
    here = walked(api, f"{path}&contact_local_time_from=7&contact_local_time_to=9", "tasks")
    assert 0 < len(here) < len(everything)  # it is seven o'clock in UTC


def test_calls_are_newest_first_and_a_new_one_comes_before_all(api: Api) -> None:
    starts = [row["start_date"] for row in walked(api, "/calls", "calls")]
    assert starts == sorted(starts, reverse=True)
    new = api.server.workspace.add("calls", notes="Later")
    assert first(api, "/calls", "calls") == new
    assert new["start_date"] == "2026-10-21T07:00:00Z"
    window = walked(api, "/calls?start_date_from=2026-01-01T00:00:00Z", "calls")
    assert window == [new]


def test_a_recording_is_audio_and_a_call_without_one_has_none(api: Api) -> None:
    calls = walked(api, "/calls", "calls")
    heard = next(call for call in calls if call["recording_url"])
    silent = next(call for call in calls if not call["recording_url"])
    response = api.client.get(f"/calls/{heard['id']}/recording")
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.content[:2] == b"\xff\xfb"
    assert api.client.get(f"/calls/{silent['id']}/recording").status_code == 404


def test_a_change_moves_updated_at_and_shows_wherever_the_row_is_named(api: Api) -> None:
    api.clock.advance(3600)
    workspace = api.server.workspace
    box = workspace.rows("mailboxes")[0]
    changed = workspace.change("mailboxes", box["id"], email="other@workspace.example")
    assert changed["updated_at"] == "2026-10-21T08:00:00Z" != box["updated_at"]
    user = workspace.change("users", box["user"]["id"], name="Renamed")
    assert user["mailboxes"][0]["email"] == "other@workspace.example"
    assert first(api, "/mailboxes", "mailboxes")["user"]["name"] == "Renamed"

    task = next(task for task in workspace.rows("tasks", owner=user["id"]) if task["contact"])
    workspace.change("contacts", task["contact"]["id"], name="Somebody Else")
    again = walked(api, f"/tasks?user_id={user['id']}", "tasks")
    assert "Somebody Else" in {row["contact"]["name"] for row in again if row["contact"]}


def test_what_is_removed_is_in_no_list_and_what_names_it_stays(api: Api) -> None:
    workspace = api.server.workspace
    user = workspace.rows("users")[1]
    task = next(task for task in workspace.rows("tasks", owner=user["id"]) if task["contact"])
    contact = task["contact"]["id"]
    workspace.remove("contacts", contact)
    assert api.client.get(f"/contacts/{contact}").status_code == 404
    assert api.client.get("/contacts", params={"ids[]": [contact]}).json()["contacts"] == []
    assert task in workspace.rows("tasks", owner=user["id"])
    for box in user["mailboxes"]:
        workspace.remove("mailboxes", box["id"])
    assert walked(api, "/users", "users")[1]["mailboxes"] == []
    workspace.remove("users", user["id"])
    assert user["id"] not in {row["id"] for row in walked(api, "/users", "users")}
    with pytest.raises(KeyError):
        workspace.remove("users", user["id"])


def test_a_row_that_was_removed_comes_back_in_its_place(api: Api) -> None:
    workspace = api.server.workspace
    lists = workspace.rows("lead_lists")
    gone = workspace.remove("lead_lists", lists[4]["id"])
    assert len(workspace.rows("lead_lists")) == len(lists) - 1
    workspace.add("lead_lists", **gone)
    assert walked(api, "/lead-lists", "lead_lists") == lists


def test_an_opening_is_added_to_one_company(api: Api) -> None:
    workspace = api.server.workspace
    company = api.client.get("/companies/find", params={"domain": "acme.example"}).json()["id"]
    new = workspace.add("job_openings", company_id=company, title="Archivist")
    rows = workspace.rows("job_openings", owner=company)
    assert (len(rows), rows[-1]) == (4, new)
    listed = walked(api, "/job-openings?domain=acme.example", "job_openings")
    assert [row["id"] for row in listed] == [row["id"] for row in rows]
    other = walked(api, "/job-openings?domain=other.example", "job_openings")
    assert len(other) == 3
    workspace.remove("job_openings", listed[0]["id"])
    assert len(walked(api, f"/job-openings?company_id={company}", "job_openings")) == 3


def test_a_list_can_go_between_its_listing_and_its_reading(api: Api) -> None:
    gone = first(api, "/lead-lists", "lead_lists")["id"]
    api.server.workspace.remove("lead_lists", gone)
    response = api.client.get(f"/lead-lists/{gone}")
    assert (response.status_code, response.json()["_errors"][0]["code"]) == (404, "not_found")
    api.sandbox.set_faults(Fault("gone_404", method="GET", path="/lead-lists/", count=1))
    kept = first(api, "/lead-lists", "lead_lists")["id"]
    assert api.client.get(f"/lead-lists/{kept}").status_code == 404
    assert api.client.get(f"/lead-lists/{kept}").status_code == 200


def test_a_lead_added_to_a_list_moves_the_list(api: Api) -> None:
    workspace = api.server.workspace
    before = workspace.rows("lead_lists")[2]
    new = workspace.add("lead_list_leads", lead_list_id=before["id"], email="new@site.example")
    after = api.client.get(f"/lead-lists/{before['id']}").json()
    assert after["updated_at"] > before["updated_at"]
    assert walked(api, f"/lead-lists/{before['id']}", "leads")[-1] == new
    other = workspace.rows("lead_lists")[3]["id"]
    assert new["id"] not in {row["id"] for row in walked(api, f"/lead-lists/{other}", "leads")}


def test_whose_a_new_row_is_must_be_said(api: Api) -> None:
    for stream in ("tasks", "mailboxes"):
        with pytest.raises(KeyError):
            api.server.workspace.add(stream)
    user = api.server.workspace.rows("users")[2]
    task = api.server.workspace.add("tasks", user_id=user["id"], type="email")
    assert (task["user_email"], task["status"]) == (user["email"], "scheduled")
    assert walked(api, f"/tasks?user_id={user['id']}", "tasks")[-1] == task


def test_a_new_field_is_in_every_row(api: Api) -> None:
    api.server.workspace.add_field("calls", "sentiment", {"label": "warm"})
    api.server.workspace.add_field("users", "initials", lambda row: row["name"][0])
    assert all(row["sentiment"] == {"label": "warm"} for row in walked(api, "/calls", "calls"))
    assert {row["initials"] for row in walked(api, "/users", "users")} > {"A"}


def test_the_workspace_is_changed_over_http_too(api: Api) -> None:
    user = first(api, "/users", "users")["id"]
    change = {"stream": "users", "change": "change", "key": user, "status": "gone"}
    assert api.client.post("/_sandbox/workspace", json=change).json()["status"] == "gone"
    assert first(api, "/users", "users")["status"] == "gone"
    new = {"stream": "excluded_domains", "change": "add", "domain": "new.example"}
    api.client.post("/_sandbox/workspace", json=new)
    assert walked(api, "/excluded-domains", "excluded_domains")[-1]["domain"] == "new.example"
    for wrong in ({"stream": "no", "change": "add"}, {"stream": "users", "change": "remove"}):
        assert api.client.post("/_sandbox/workspace", json=wrong).status_code == 400
    api.client.post("/_sandbox/reset")
    assert first(api, "/users", "users")["status"] == "active"


def test_faults_of_pages_reach_the_lists(api: Api) -> None:
    api.sandbox.set_faults(Fault("next_same", path="/users"))
    link = api.client.get("/users?page[size]=5").json()["_links"]["next"]["href"]
    assert link == "/users?page[size]=5"
    api.sandbox.set_faults(Fault("rows_duplicated", path="/users"))
    rows = api.client.get("/users").json()["users"]
    assert rows[0] == rows[-1]
    api.sandbox.set_faults(Fault("missing_results", path="/users"))
    assert "users" not in api.client.get("/users").json()
    patch = {"patch": {"role": 7, "email": None}, "index": 1}
    api.sandbox.set_faults(Fault("row_patch", patch, path="/users"))
    one, two, *_ = api.client.get("/users").json()["users"]
    assert (one["role"], two["role"], "email" in two) == ("admin", 7, False)


@pytest.mark.parametrize(
    ("switch", "pattern"), [("hex", r"[0-9a-f]{40}"), ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-.+")]
)
def test_a_sequence_names_its_creator_by_an_id_of_either_form(
    api: Api, switch: str, pattern: str
) -> None:
    api.sandbox.configure(creator_ids=switch)
    sequence = first(api, "/sequences", "sequences")
    assert re.fullmatch(pattern, sequence["created_by_user_id"])
    assert re.fullmatch(r"[0-9a-f]{40}", sequence["id"])
    same = walked(
        api, f"/sequences?created_by_user_id={sequence['created_by_user_id']}", "sequences"
    )
    assert {row["created_by_user_email"] for row in same} == {sequence["created_by_user_email"]}


def test_the_owner_of_a_list_is_an_address_or_an_object(api: Api) -> None:
    email = first(api, "/lead-lists", "lead_lists")["owner"]
    api.sandbox.configure(list_owner="object")
    assert first(api, "/lead-lists", "lead_lists")["owner"] == {"email": email}
    (user,) = walked(api, f"/users?email={email}", "users")
    for query in (f"owner_email={email}", f"owner_id={user['id']}"):
        found = walked(api, f"/lead-lists?{query}", "lead_lists")
        assert {row["owner"]["email"] for row in found} == {email}


@pytest.mark.parametrize("order", ["oldest_first", "newest_first", "last_finished_first"])
def test_the_tasks_of_a_user_come_in_the_order_that_is_set(api: Api, order: str) -> None:
    api.sandbox.configure(task_order=order, tasks_per_user=50)
    user = api.sandbox.workspace.rows("users")[0]["id"]
    oldest = api.sandbox.workspace.rows("tasks", owner=user)[0]["id"]
    api.sandbox.workspace.change(
        "tasks", oldest, status="completed", finished_on="2030-01-01T00:00:00Z"
    )
    tasks = walked(api, f"/tasks?user_id={user}", "tasks")
    ids = [task["id"] for task in tasks]
    assert len(set(ids)) == len(ids) == 50
    if order == "last_finished_first":
        finished = [task["finished_on"] for task in tasks]
        first_ended = finished.index("2030-01-01T00:00:00Z")
        assert set(finished[:first_ended]) == {None}
        assert finished[first_ended:] == sorted(filter(None, finished), reverse=True)
    else:
        assert ids == sorted(ids, reverse=order == "newest_first")
    _, _, third = walked(api, f"/tasks?user_id={user}&status=completed", "tasks")[:3]
    page = f"/tasks?user_id={user}&status=completed&page[size]=2"
    before = api.client.get(f"{page}&page[before]={third['id']}").json()
    assert before["_links"].keys() == {"self", "next"}
    assert len(before["tasks"]) == 2


def workspace(**sizes: int) -> Workspace:
    options = SandboxOptions(workspace=WorkspaceSizes(**sizes))
    return Workspace(lambda: options, ManualClock())


def test_a_seed_gives_the_same_rows_everywhere_and_another_seed_others() -> None:
    one, same, other = workspace(), workspace(), workspace(seed=1)
    for stream in ("users", "sequences", "mailboxes", "calls", "lead_lists", "accounts"):
        assert one.rows(stream) == same.rows(stream)
        assert not {r["id"] for r in one.rows(stream)} & {r["id"] for r in other.rows(stream)}


def test_rows_stay_as_they_are_when_their_stream_grows() -> None:
    small, large = workspace(), workspace(calls=300, sequences=60, lead_lists=24)
    for stream in ("calls", "sequences", "lead_lists"):
        rows = small.rows(stream)
        assert large.rows(stream)[-len(rows) :] == rows


def test_a_million_rows_are_served_in_flat_memory() -> None:
    large = workspace(calls=1_000_000, seconds_between_calls=60)
    calls = large.listing("calls")
    after = calls.page(100).rows[-1]["id"]
    tracemalloc.start()
    for number in (999_000, 500_000, 100):
        page = calls.page(100, after=large.streams["calls"].keys.make(number))
        assert page.rows[0]["id"] == large.streams["calls"].keys.make(number - 1)
        assert page.has_next is (number > 100)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert calls.page(100, after=after).has_previous


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 9),
    changes=st.lists(st.tuples(st.sampled_from(["add", "remove", "change"]), st.integers(0, 40))),
    newest_first=st.booleans(),
)
def test_pages_show_what_is_there_in_order_whatever_was_changed(
    size: int, changes: list[tuple[str, int]], newest_first: bool
) -> None:
    stream = "lead_lists" if newest_first else "accounts"
    streams = workspace(accounts=12, lead_lists=12)
    expected = {row["id"]: row["name"] for row in streams.rows(stream)}
    if newest_first:
        expected = dict(reversed(expected.items()))
    for number, (change, place) in enumerate(changes):
        keys = list(expected)
        if change == "add":
            row = streams.add(stream, name=f"Row {number}")
            expected[row["id"]] = row["name"]
        elif keys and change == "remove":
            del expected[streams.remove(stream, keys[place % len(keys)])["id"]]
        elif keys:
            key = keys[place % len(keys)]
            expected[key] = streams.change(stream, key, name=f"Row {number}")["name"]
    listed = list(expected.items())[:: -1 if newest_first else 1]
    found: list[tuple[str, str]] = []
    after = None
    while True:
        page = streams.listing(stream).page(size, after=after)
        found += [(row["id"], row["name"]) for row in page.rows]
        if page.rows and len(found) > len(page.rows):
            before = streams.listing(stream).page(size, before=page.rows[0]["id"])
            assert [row["id"] for row in before.rows] == [
                key for key, _ in found[: -len(page.rows)][-size:]
            ]
        if not page.has_next:
            break
        after = page.rows[-1]["id"]
    assert found == listed
