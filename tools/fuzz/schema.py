"""`make fuzz-schema SEED=1 EXAMPLES=20000`: right and wrong requests that Schemathesis makes from the OpenAPI document.

Every answer must be one that the document describes: its status, its type, its headers and its body; and no 5xx.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.support.api_process import running_api
from tests.support.redis_server import start_redis
from tools.fuzz.__main__ import migrate_new

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# The first key would close the service; a stream ends only with its job, and no worker runs here.
LEFT_OUT = "/keys|/events"
CONFIGURATION = '[parameters]\n"query.wait" = 0\n'  # for the same reason
LONGEST_SECONDS = 30


def command(url: str, configuration: Path, *, examples: int, seed: int) -> list[str]:
    """Schemathesis over the document at `url`; examples: in all."""
    operations = sum(len(path) for path in httpx.get(f"{url}/openapi.json", trust_env=False).json()["paths"].values())
    return [
        str(PROGRAM),
        f"--config-file={configuration}",
        "run",
        f"{url}/openapi.json",
        f"--checks={','.join(CHECKS)}",
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={max(1, examples // operations)}",
        f"--seed={seed}",
        f"--exclude-path-regex={LEFT_OUT}",
        f"--request-timeout={LONGEST_SECONDS}",
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
        "--warnings=off",
        "--suppress-health-check=all",
        "--generation-database=none",
    ]


def main() -> int:
    """Run once; Schemathesis writes the report."""
    parser = argparse.ArgumentParser(prog="make fuzz-schema")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-schema-") as name:
        directory = Path(name)
        configuration = directory / "schemathesis.toml"
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        database_url = f"sqlite:///{directory / 'jobs.db'}"
        migrate_new(database_url)
        redis = start_redis(directory)
        try:
            with running_api(directory, database_url, redis.url, api_workers="1", log_level="INFO") as api:
                url = f"http://127.0.0.1:{api.port}"
                done = subprocess.run(
                    command(url, configuration, examples=given.examples, seed=given.seed), cwd=directory, check=False
                )
                has_traceback = "Traceback" in api.fleet.log("api")
        finally:
            redis.stop()
    if has_traceback:
        sys.stdout.write("finding: a traceback in the log of the API\n")
    return 1 if done.returncode or has_traceback else 0


if __name__ == "__main__":
    sys.exit(main())
