"""A job for a Dask cluster is refused where there is none, together with everything else that is wrong with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.errors import Invalid
from ml_training.services.dry_run import dry_run
from ml_training.services.submit import submit_job
from tests.support.in_process_service import InProcessService

SPEC: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "m",
    "model_type": "lightgbm",
    "target": {"column": "y"},
    "engine": "dask",
}


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Any) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        yield service


@pytest.fixture
def dataset_id(service: InProcessService) -> int:
    lines = ["x,y", *(f"{number * 7 % 100},{'yes' if number % 3 else 'no'}" for number in range(300))]
    return int(service.upload("\n".join(lines).encode(), {"name": "small"})["id"])


@pytest.mark.parametrize("check", [submit_job, dry_run])
def test_no_scheduler(service: InProcessService, dataset_id: int, check: Any) -> None:
    resources = service.resources
    with pytest.raises(Invalid) as caught:
        check(resources, {**SPEC, "dataset_id": dataset_id})
    assert [error.pointer for error in caught.value.errors] == ["/engine"]
    assert "ML_TRAINING_DASK_SCHEDULER" in caught.value.errors[0].detail
    with pytest.raises(Invalid) as caught:
        check(resources, {**SPEC, "dataset_id": dataset_id, "target": {"column": "no such"}})
    assert [error.pointer for error in caught.value.errors] == ["/target/column", "/engine"]
