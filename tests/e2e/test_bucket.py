"""The service over a bucket: its processes share no directory of objects, and show no key of the bucket."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.client import Client
from tests.support.datasets import generated_csv
from tests.support.eventually import PATIENCE, eventually
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, S3Server, open_s3
from tests.support.stack_process import PROGRAM, StackProcess, start_stack

pytestmark = pytest.mark.slow
PREFIX = "tests/stack"


@pytest.fixture(scope="module")
def variables(moto: S3Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of the stack."""
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    return {
        "ML_TRAINING_STORAGE_URL": f"s3://{BUCKET}/{PREFIX}",
        "ML_TRAINING_S3_ENDPOINT": moto.url,
        "ML_TRAINING_S3_ACCESS_KEY_ID": KEY_ID,
        "ML_TRAINING_S3_SECRET_ACCESS_KEY_FILE": str(secret),
        "ML_TRAINING_CACHE_DIR": str(secret.parent / "cache"),
        "ML_TRAINING_SWEEP_SECONDS": "0.5",
        "ML_TRAINING_SWEEP_AGE_SECONDS": "2",
        "ML_TRAINING_LOG_LEVEL": "DEBUG",
    }


@pytest.fixture(scope="module")
def stack(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    with start_stack(tmp_path_factory.mktemp("bucket") / "data", **variables) as stack:
        stack.wait_until_ready()
        yield stack


def run(stack: StackProcess, variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A command with the settings of the stack."""
    environment = {**os.environ, **variables, "ML_TRAINING_DATA_DIR": str(stack.data_dir)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_from_an_upload_to_predictions_and_back_to_an_empty_bucket(
    stack: StackProcess, variables: dict[str, str], moto: S3Server, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_bytes(generated_csv(2_000, 6))
    with Client(stack.urls[0].removesuffix("/api/v1"), retry_seconds=PATIENCE) as client:
        data = client.datasets.upload(tmp_path / "data.csv")
        model = client.train(data, target="target", model_type="lightgbm", name="m").wait(progress=False).model
        assert client.test(model, data).wait(progress=False).status == "COMPLETED"
        prediction = client.predict(model, data).wait(progress=False).prediction
        file = model.download(tmp_path / "model.zip").read_bytes()
        assert hashlib.sha256(file).hexdigest() == model.artifact_sha256
        assert prediction.download(tmp_path / "predictions.parquet").stat().st_size == prediction.bytes
        done = run(stack, variables, sys.executable, "-m", "ml_training.maintenance.verify")
        assert done.returncode == 0, done.stdout + done.stderr
        bucket = open_s3(moto.address(prefix=PREFIX), tmp_path / "cache")
        kinds = {key.partition("/")[0] for key, _ in bucket.list_keys()}
        assert kinds == {"uploads", "indexes", "artifacts", "predictions"}
        assert not (stack.data_dir / "storage").exists()
        for thing in (prediction, model, data):
            thing.delete()
    eventually(lambda: not list(bucket.list_keys()), what="what nothing names is removed from the bucket")
    done = run(stack, variables, str(PROGRAM), "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"s3://{BUCKET}/{PREFIX}" in done.stdout
    said = [path for path in (*stack.data_dir.rglob("*.log"), *stack.data_dir.rglob("*.json")) if path.is_file()]
    assert said
    assert [path for path in said if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in stack.output + done.stdout
