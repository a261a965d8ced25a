"""What stands in the ledger is checked before it becomes a path: others may write there."""

from __future__ import annotations

from pathlib import Path

import pytest

from amplemarket_source.errors import LedgerError
from amplemarket_source.pages import Spool
from tests.support.deployment import Deployment, email_leads


def test_a_path_in_place_of_a_request_key_removes_no_folder_of_the_users(
    deployment: Deployment, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("kept")
    deployment.rows(
        "INSERT INTO enrichment_requests (request_key, kind, status, request_id, lead_count, "
        "email_credits_max, phone_credits_max, _dlt_load_id, _dlt_id) "
        f"VALUES ('{precious}', 'people', 'submitted', '1', 1, 0.5, 0, '-', 'x')"
    )
    with pytest.raises(LedgerError, match="none of ours"):
        deployment.run(email_leads("ada"))
    assert (precious / "thesis.txt").read_text() == "kept"
    assert deployment.posts() == 0


@pytest.mark.parametrize("key", ["", ".", "..", "../up", "/etc", "a/b", "a\\b", "a\x00b", "~"])
def test_a_key_that_is_no_name_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        Spool(tmp_path / "spool").request(key)
