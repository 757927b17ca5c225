"""`make examples`: start the service, tell the story, write ml_training/api/examples.json."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from ml_training.api.examples import FILE
from tests.support.postgres import postgres_server
from tests.support.stack_process import start_stack
from tools.api_examples.recorder import Recorder
from tools.api_examples.schema_examples import schema_examples
from tools.api_examples.sign_in import tell_sign_in
from tools.api_examples.story import tell

WAREHOUSE = "ML_TRAINING_CONNECTIONS__WAREHOUSE"  # any PostgreSQL: the query of the story reads no table


def main() -> int:
    """Write the file; 0 when every schema has an example, else 1."""
    with (
        tempfile.TemporaryDirectory() as directory,
        postgres_server() as server,
        start_stack(Path(directory) / "var", "--sample", **{WAREHOUSE: server.url()}) as stack,
    ):
        stack.wait_until_ready()
        examples, missing = record(stack.urls[0])
    FILE.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(examples['operations'])} operations, {len(examples['schemas'])} schemas: {FILE.name}\n")
    sys.stdout.writelines(f"no example for schema {name}\n" for name in missing)
    return 1 if missing else 0


def record(api_url: str) -> tuple[dict[str, Any], list[str]]:
    """(The examples of a service that has done its sample run, schemas without one)."""
    with httpx.Client(base_url=api_url, timeout=90, trust_env=False) as http:
        document = http.get(api_url.removesuffix("/api/v1") + "/openapi.json").json()
        recorder = Recorder(http)
        tell(recorder)
    operations = recorder.operations | tell_sign_in()
    named = schema_examples(document, operations)
    examples = {
        "operations": {key: asdict(kept) for key, kept in sorted(operations.items())},
        "schemas": dict(sorted(named.items())),
    }
    return examples, sorted(set(document["components"]["schemas"]) - set(named))


if __name__ == "__main__":
    sys.exit(main())
