"""A table in Snowflake to people in Snowflake: credentials and key in .dlt/secrets.toml.

Install with ``pip install 'dlt-source-amplemarket[snowflake]'``. The leads are read through dlt, so
they never leave the pipeline's own connection. A key pair (``private_key_path``) or a password logs
in; staged files hold personal data, so they are removed once they are loaded. With ``--models`` the
dbt package makes its models of them.
"""

import sys
from pathlib import Path

import dlt

from amplemarket_source import amplemarket


def main() -> None:
    snowflake = dlt.destinations.snowflake(keep_staged_files=False)
    pipeline = dlt.pipeline("amplemarket", destination=snowflake, dataset_name="amplemarket_data")
    crm = dlt.dataset(pipeline.destination, "crm")
    contacts = crm("SELECT id AS external_id, email FROM contacts WHERE email IS NOT NULL")
    print(pipeline.run(amplemarket(leads=contacts, refresh_after="90d")))
    if "--models" in sys.argv:
        # dlt makes an environment with dbt for Snowflake, the first time.
        package = str(Path(__file__).parents[1] / "dbt")
        dbt = dlt.dbt.package(pipeline, package, venv=dlt.dbt.get_venv(pipeline))
        dbt.run_all(additional_vars={"amplemarket_schema": pipeline.dataset_name})


if __name__ == "__main__":
    main()
