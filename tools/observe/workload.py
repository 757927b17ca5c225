"""Sends the service good and bad jobs over HTTP, so that every metric gets values."""

import io
import itertools
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np

from tests.support.datasets import generated_csv
from tests.support.eventually import eventually

Json = dict[str, Any]
SMALL_PARAMS: dict[str, Json] = {
    "lightgbm": {"n_estimators": 60},
    "xgboost": {"n_estimators": 60},
    "random_forest": {"n_estimators": 60},
    "extra_trees": {"n_estimators": 60},
    "hist_gradient_boosting": {},
    "logistic_regression": {},
    "ridge": {},
    "mlp": {},
}
YOUNG_MODEL_TYPES = ("lightgbm", "random_forest", "logistic_regression", "mlp")
MEDIUM_PARAMS = {"num_leaves": 127}
ENDLESS_PARAMS = {"n_estimators": 10_000, "num_leaves": 1_023, "learning_rate": 0.005}
JOBS_PER_ROUND = (1, 2, 6, 3, 1, 7, 2)
PAUSE_SECONDS = 4  # between rounds
LIFE_STAGES = ("new", "young", "adult", "old")
READING_COUNT = 12
# The same machines later, with more noise: the accuracy of the models falls.
NOISE_BY_DATASET = {"stages": 0.5, "autumn": 0.7, "winter": 1.1}
ROUNDS_PER_SEASON = 12
NOT_JSON = b"{"


def machines_csv(noise: float, *, rows: int = 3_000) -> bytes:
    """Readings of machines over time in four stages of life; the target depends on two readings, with noise."""
    random = np.random.default_rng(1)
    readings = random.normal(size=(rows, READING_COUNT))
    target = (readings[:, 0] + 0.5 * readings[:, 1] + random.normal(scale=noise, size=rows) > 0).astype(int)
    text = io.StringIO()
    text.write("at,machine,stage," + ",".join(f"r{number}" for number in range(READING_COUNT)) + ",target\n")
    for row in range(rows):
        at = f"2026-01-{1 + row // 200:02}T{row // 10 % 20:02}:00:{row % 10:02}Z"
        numbers = ",".join(f"{value:.5g}" for value in readings[row])
        text.write(f"{at},m{row % 10},{LIFE_STAGES[row * len(LIFE_STAGES) // rows]},{numbers},{target[row]}\n")
    return text.getvalue().encode()


class Workload:
    """A client of one service; `kill_children` kills the processes that run jobs."""

    def __init__(self, http: httpx.Client, *, kill_children: Callable[[], None]) -> None:
        self._http = http
        self._kill_children = kill_children
        self._numbers = itertools.count(1)
        self._rounds = itertools.count()
        self.long_job = 0
        self.tested_model = 0

    def play(self, *, until: float) -> None:
        """Do everything once, then rounds of small jobs until `until` (Unix seconds); the long job still runs then."""
        self._upload_datasets()
        self.long_job = self._submit(self._train_spec("lightgbm", self._large_dataset, ENDLESS_PARAMS))
        models = self._train_each_type()
        self._wait_for_progress(self.long_job)
        self._kill_children()  # the long job loses its first attempt
        self._test_and_compare(models)
        self._cancel_running_and_waiting()
        self._exceed_time_limit()
        self._send_rejected_requests()
        self._ask_and_submit(self._train_spec("ridge", self._diabetes_dataset, {}))
        while time.time() < until:
            self._play_round()
        self._wait_for_progress(self.long_job)
        self._fill_the_queue()

    def _upload_datasets(self) -> None:
        files = {"large": generated_csv(60_000, 20), "empty": b"a,b\n"}
        files |= {name: machines_csv(noise) for name, noise in NOISE_BY_DATASET.items()}
        forms = {
            name: {"time_column": "at", "phase_column": "stage", "group_column": "machine"} for name in NOISE_BY_DATASET
        }
        ids = {}
        for name, body in files.items():
            form = {"name": name, **forms.get(name, {})}
            ids[name] = self._post("/datasets?wait=60", data=form, files={"file": (f"{name}.csv", body)})["id"]
        for sample in ("breast_cancer", "wine", "diabetes"):
            ids[sample] = self._post("/datasets?wait=60", json={"name": sample, "sample": sample})["id"]
        self._large_dataset, self._stages_dataset = ids["large"], ids["stages"]
        self._sample_dataset = ids["breast_cancer"]
        self._season_datasets = [ids[name] for name in NOISE_BY_DATASET]
        self._wine_dataset, self._diabetes_dataset = ids["wine"], ids["diabetes"]

    def _send_rejected_requests(self) -> None:
        spec = self._train_spec("lightgbm", self._sample_dataset, {"max_depth": 1_000})
        self._request("POST", "/jobs", 422, json={**spec, "target": {"column": "nobody"}})
        self._request("POST", "/jobs", 422, json={**spec, "dataset_id": 10**6})
        self._request("POST", "/jobs", 400, content=NOT_JSON, headers={"Content-Type": "application/json"})
        self._request("GET", "/jobs/1000000", 404)
        self._request("POST", "/jobs/1/cancel", 409)

    def _train_each_type(self) -> list[int]:
        pairs = [(self._sample_dataset, name) for name in SMALL_PARAMS if name != "ridge"]
        pairs += [(self._wine_dataset, name) for name in ("lightgbm", "mlp")]
        pairs += [(self._diabetes_dataset, name) for name in ("lightgbm", "ridge")]
        specs = [self._train_spec(name, dataset_id, SMALL_PARAMS[name]) for dataset_id, name in pairs]
        specs += [
            {**self._train_spec(name, self._stages_dataset, SMALL_PARAMS[name]), "phases": ["young"]}
            for name in YOUNG_MODEL_TYPES
        ]
        models = [job["result"]["model_id"] for job in self._run_batch(specs)]
        young_models = models[-len(YOUNG_MODEL_TYPES) :]  # these have not seen the old machines
        self._young_models = itertools.cycle(young_models)
        self.tested_model = young_models[0]
        return models

    def _test_and_compare(self, models: list[int]) -> None:
        data = {"dataset_id": self._sample_dataset}
        self._run_batch(
            [
                self._test_spec(self.tested_model, self._stages_dataset),
                {"job_type": "TEST", "model_id": models[0], **data},
                {"job_type": "COMPARE", "model_ids": models[:3], "metric": "f1", **data},
                {"job_type": "DRIFT", "model_id": self.tested_model, "dataset_id": self._stages_dataset},
            ]
        )
        for path in ("/models", f"/models/{models[0]}", f"/models/{models[0]}/download", "/test-results", "/jobs"):
            self._request("GET", path, 200)
        self._request("DELETE", f"/models/{models[1]}", 204)

    def _cancel_running_and_waiting(self) -> None:
        endless = self._train_spec("lightgbm", self._large_dataset, ENDLESS_PARAMS)
        running, waiting = (self._submit({**endless, "priority": priority}) for priority in (1, 10))
        self._wait_for_progress(running)
        for job_id in (waiting, running):
            self._request("POST", f"/jobs/{job_id}/cancel", 202)
            assert self._wait_for_end(job_id)["status"] == "CANCELLED"

    def _exceed_time_limit(self) -> None:
        spec = self._train_spec("lightgbm", self._large_dataset, ENDLESS_PARAMS)
        job = self._wait_for_end(self._submit({**spec, "max_runtime_seconds": 1}))
        assert (job["status"], job["error"]["code"]) == ("FAILED", "timeout")

    def _play_round(self) -> None:
        """Run a varying number of jobs, so that graphs have a shape; in some rounds cause an error."""
        number = next(self._rounds)
        season = self._season_datasets[min(number // ROUNDS_PER_SEASON, len(self._season_datasets) - 1)]
        specs = [self._small_spec() for _ in range(JOBS_PER_ROUND[number % len(JOBS_PER_ROUND)])]
        self._run_batch(
            [*specs, self._test_spec(self.tested_model, season), self._test_spec(next(self._young_models), season)]
        )
        self._ask_and_submit(self._train_spec("ridge", self._diabetes_dataset, {}))
        if number % 4 == 0:
            spec = self._train_spec(
                "lightgbm", self._large_dataset, {**MEDIUM_PARAMS, "n_estimators": 60 + 30 * (number % 5)}
            )
            self._run_batch([{**spec, "exclude_features": [f"f{column}" for column in range(20 - number % 10, 20)]}])
        if number % ROUNDS_PER_SEASON == 7:
            self._send_rejected_requests()
        if cause_error := {16: self._cancel_running_and_waiting, 20: self._exceed_time_limit}.get(number):
            cause_error()
        self._request("GET", f"/jobs/{self.long_job}?wait={PAUSE_SECONDS}", 200)  # a pause: this job does not end

    def _ask_and_submit(self, spec: Json) -> None:
        """A job whose estimate is compared with what comes of it."""
        self._request("POST", "/jobs?dry_run=true", 200, json=spec)
        self._wait_for_end(self._submit(spec))

    def _small_spec(self) -> Json:
        """The next model type, with varying size, features and phases."""
        number = next(self._numbers)
        model_type = list(SMALL_PARAMS)[number % len(SMALL_PARAMS)]
        if model_type == "ridge":
            return self._train_spec(model_type, self._diabetes_dataset, {})
        params = {**SMALL_PARAMS[model_type]}
        if model_type == "mlp":
            params.update(hidden_layer_sizes=[4 + number % 5], max_iter=20)
        elif model_type != "logistic_regression":
            params.update(n_estimators=20 + 10 * (number % 9), max_depth=3 + number % 5)
        left_out = [f"r{reading}" for reading in range(READING_COUNT - number % 8, READING_COUNT)]
        return {
            **self._train_spec(model_type, self._stages_dataset, params),
            "exclude_features": left_out,
            "phases": list(LIFE_STAGES[: 1 + number % len(LIFE_STAGES)]),
        }

    def _test_spec(self, model_id: int, dataset_id: int) -> Json:
        return {"job_type": "TEST", "model_id": model_id, "dataset_id": dataset_id, "phases": ["old"]}

    def _fill_the_queue(self) -> None:
        for name in ("lightgbm", "lightgbm", "mlp"):  # one runs, the others wait
            self._submit(self._train_spec(name, self._large_dataset, ENDLESS_PARAMS if name == "lightgbm" else {}))

    def _train_spec(self, model_type: str, dataset_id: int, params: Json) -> Json:
        return {
            "job_type": "TRAIN",
            "model_name": f"model-{model_type.replace('_', '-')}",
            "model_type": model_type,
            "dataset_id": dataset_id,
            "target": {"column": "target"},
            "params": params,
            "random_state": next(self._numbers),
        }

    def _run_batch(self, specs: Iterable[Json]) -> list[Json]:
        answers = self._post("/jobs/batch", json={"jobs": list(specs)})["items"]
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda answer: self._wait_for_end(answer["job"]["id"]), answers))
        assert [job for job in ended if job["status"] != "COMPLETED"] == []
        return ended

    def _submit(self, spec: Json) -> int:
        return int(self._post("/jobs", json=spec)["id"])

    def _wait_for_end(self, job_id: int) -> Json:
        def ended() -> Json | None:
            job = self._request("GET", f"/jobs/{job_id}?wait=20", 200)
            return job if job["status"] not in {"PENDING", "RUNNING"} else None

        return eventually(ended, within=180, every=0.5, what=f"job {job_id} has ended") or {}

    def _wait_for_progress(self, job_id: int) -> None:
        def moves() -> bool:
            job = self._request("GET", f"/jobs/{job_id}", 200)
            return bool(job["status"] == "RUNNING" and job["progress"] > 0)

        eventually(moves, within=120, every=0.2, what=f"job {job_id} makes progress")

    def _post(self, path: str, **options: Any) -> Json:
        answer = self._http.post(path, **options).raise_for_status().json()
        assert isinstance(answer, dict)
        return answer

    def _request(self, method: str, path: str, code: int, **options: Any) -> Any:
        answer = self._http.request(method, path, **options)
        assert answer.status_code == code, f"{method} {path}: {answer.status_code}, not {code}: {answer.text[:300]}"
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else None
