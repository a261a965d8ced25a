"""A refused input row that names somebody erased keeps nothing of them, today and tomorrow."""

from __future__ import annotations

import pytest

from amplemarket_source.errors import UsageError
from amplemarket_source.run.forget import forget
from tests.privacy.people import mentions
from tests.support.deployment import Deployment

_ADA = "ada@ada.example"
_REFUSED = {
    "a name before the address": {"email": "Ada <ADA@ada.example>"},
    "two addresses": {"email": f"{_ADA}, bob@bob.example"},
    "an address in another column": {"name": f"Ada ({_ADA})"},
    "a URL with a space": {"linkedin_url": f"linkedin.com/in/x {_ADA}"},
    "quotation marks": {"email": f'"Ada" "{_ADA}"'},
}


@pytest.mark.parametrize("when", ["before", "after"])
def test_refused_rows_that_quote_somebody_erased_keep_nothing_of_them(
    deployment: Deployment, when: str
) -> None:
    leads = [*_REFUSED.values(), {"email": "Eve <eve@eve.example>"}]
    if when == "before":
        deployment.run(leads, max_invalid=1.0)
        assert mentions(deployment, _ADA)
        assert forget(deployment.pipeline(), email=_ADA).found
    else:
        with pytest.raises(UsageError):
            forget(deployment.pipeline(), email=_ADA)
    for _ in range(2):
        deployment.run(leads, max_invalid=1.0)
        assert mentions(deployment, _ADA) == set()
    rejects = deployment.rows("SELECT raw IS NULL, count(*) FROM rejects GROUP BY ALL ORDER BY ALL")
    assert rejects == [(False, 1), (True, len(_REFUSED))]


def test_a_refused_row_with_an_erased_profile_keeps_nothing_of_it(deployment: Deployment) -> None:
    lead = {"linkedin_url": "https://de.linkedin.com/in/Ada-1 (Ada)"}
    deployment.run([lead], max_invalid=1.0)
    assert forget(deployment.pipeline(), linkedin_url="linkedin.com/in/ada-1").found
    deployment.run([lead], max_invalid=1.0)
    assert mentions(deployment, "ada-1") == set()
