"""A mix of jobs over HTTP, good and bad, so that every metric of the service has something to say."""

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
SMALL: dict[str, Json] = {
    "lightgbm": {"n_estimators": 60}, "random_forest": {"n_estimators": 60}, "extra_trees": {"n_estimators": 60},
    "hist_gradient_boosting": {}, "logistic_regression": {}, "ridge": {}, "mlp": {},
}  # fmt: skip
YOUNG = ("lightgbm", "random_forest", "logistic_regression", "mlp")
MIDDLE = {"num_leaves": 127}
ENDLESS = {"n_estimators": 10_000, "num_leaves": 1_023, "learning_rate": 0.005}
SIZES = (1, 2, 6, 3, 1, 7, 2)  # jobs in a round
PAUSE_SECONDS = 4  # between rounds
STAGES = ("new", "young", "adult", "old")
READINGS = 12
NOISE = {"stages": 0.5, "autumn": 0.7, "winter": 1.1}  # the same machines later; what was learnt holds less and less
ROUNDS_A_SEASON = 12
NOT_JSON = b"{"


def stages_csv(noise: float, *, rows: int = 3_000) -> bytes:
    """Machines over time in four stages of life; the target depends on two readings, with noise."""
    random = np.random.default_rng(1)
    readings = random.normal(size=(rows, READINGS))
    target = (readings[:, 0] + 0.5 * readings[:, 1] + random.normal(scale=noise, size=rows) > 0).astype(int)
    text = io.StringIO()
    text.write("at,machine,stage," + ",".join(f"r{number}" for number in range(READINGS)) + ",target\n")
    for row in range(rows):
        at = f"2026-01-{1 + row // 200:02}T{row // 10 % 20:02}:00:{row % 10:02}Z"
        numbers = ",".join(f"{value:.5g}" for value in readings[row])
        text.write(f"{at},m{row % 10},{STAGES[row * len(STAGES) // rows]},{numbers},{target[row]}\n")
    return text.getvalue().encode()


class Mix:
    """Talks to one service; `kill_children` kills the processes that train."""

    def __init__(self, http: httpx.Client, *, kill_children: Callable[[], None]) -> None:
        self._http = http
        self._kill_children = kill_children
        self._numbers = itertools.count(1)
        self._rounds = itertools.count()
        self.long_job = 0
        self.tested_model = 0

    def play(self, *, until: float) -> None:
        """Everything once, then rounds of small jobs until `until` (Unix seconds); the long job still runs then."""
        self._load()
        self.long_job = self._submit(self._spec("lightgbm", self._large, ENDLESS))
        models = self._train_each_type()
        self._until_it_moves(self.long_job)
        self._kill_children()  # the long job loses its first attempt
        self._evaluate(models)
        self._cancel_two()
        self._time_out()
        self._refuse()
        while time.time() < until:
            self._round()
        self._until_it_moves(self.long_job)
        self._fill_the_queue()

    def _load(self) -> None:
        files = {"large": generated_csv(60_000, 20), "empty": b"a,b\n"}
        files |= {name: stages_csv(noise) for name, noise in NOISE.items()}
        forms = {name: {"time_column": "at", "phase_column": "stage", "group_column": "machine"} for name in NOISE}
        ids = {}
        for name, body in files.items():
            form = {"name": name, **forms.get(name, {})}
            ids[name] = self._post("/datasets?wait=60", data=form, files={"file": (f"{name}.csv", body)})["id"]
        for sample in ("breast_cancer", "wine", "diabetes"):
            ids[sample] = self._post("/datasets?wait=60", json={"name": sample, "sample": sample})["id"]
        self._large, self._sample, self._seasons = ids["large"], ids["breast_cancer"], [ids[name] for name in NOISE]
        self._stages = ids["stages"]
        self._wine, self._diabetes = ids["wine"], ids["diabetes"]

    def _refuse(self) -> None:
        spec = self._spec("lightgbm", self._sample, {"max_depth": 1_000})
        self._ask("POST", "/jobs", 422, json={**spec, "target": {"column": "nobody"}})
        self._ask("POST", "/jobs", 422, json={**spec, "dataset_id": 10**6})
        self._ask("POST", "/jobs", 400, content=NOT_JSON, headers={"Content-Type": "application/json"})
        self._ask("GET", "/jobs/1000000", 404)
        self._ask("POST", "/jobs/1/cancel", 409)

    def _train_each_type(self) -> list[int]:
        pairs = [(self._sample, name) for name in SMALL if name != "ridge"]
        pairs += [(self._wine, name) for name in ("lightgbm", "mlp")]
        pairs += [(self._diabetes, name) for name in ("lightgbm", "ridge")]
        specs = [self._spec(name, dataset_id, SMALL[name]) for dataset_id, name in pairs]
        specs += [{**self._spec(name, self._stages, SMALL[name]), "phases": ["young"]} for name in YOUNG]
        models = [job["result"]["model_id"] for job in self._run(specs)]
        self._young = itertools.cycle(models[-len(YOUNG) :])  # the old machines are unseen by these
        self.tested_model = models[-len(YOUNG)]
        return models

    def _evaluate(self, models: list[int]) -> None:
        data = {"dataset_id": self._sample}
        self._run(
            [
                self._test(self.tested_model, self._stages),
                {"job_type": "TEST", "model_id": models[0], **data},
                {"job_type": "COMPARE", "model_ids": models[:3], "metric": "f1", **data},
            ]
        )
        for path in ("/models", f"/models/{models[0]}", f"/models/{models[0]}/download", "/test-results", "/jobs"):
            self._ask("GET", path, 200)
        self._ask("DELETE", f"/models/{models[1]}", 204)

    def _cancel_two(self) -> None:
        endless = self._spec("lightgbm", self._large, ENDLESS)
        running, waiting = (self._submit({**endless, "priority": priority}) for priority in (1, 10))
        self._until_it_moves(running)
        for job_id in (waiting, running):
            self._ask("POST", f"/jobs/{job_id}/cancel", 202)
            assert self._end(job_id)["status"] == "CANCELLED"

    def _time_out(self) -> None:
        spec = self._spec("lightgbm", self._large, ENDLESS)
        job = self._end(self._submit({**spec, "max_runtime_seconds": 1}))
        assert (job["status"], job["error"]["code"]) == ("FAILED", "timeout")

    def _round(self) -> None:
        """Some jobs, more and fewer in turn, so that lines have a shape; now and then what goes wrong in life."""
        number = next(self._rounds)
        season = self._seasons[min(number // ROUNDS_A_SEASON, len(self._seasons) - 1)]
        specs = [self._small() for _ in range(SIZES[number % len(SIZES)])]
        self._run([*specs, self._test(self.tested_model, season), self._test(next(self._young), season)])
        if number % 4 == 0:
            spec = self._spec("lightgbm", self._large, {**MIDDLE, "n_estimators": 60 + 30 * (number % 5)})
            self._run([{**spec, "exclude_features": [f"f{column}" for column in range(20 - number % 10, 20)]}])
        if number % ROUNDS_A_SEASON == 7:
            self._refuse()
        if trouble := {16: self._cancel_two, 20: self._time_out}.get(number):
            trouble()
        self._ask("GET", f"/jobs/{self.long_job}?wait={PAUSE_SECONDS}", 200)  # a pause: that job does not end

    def _small(self) -> Json:
        """Kinds of model in turn, of different size, on more and fewer features and phases."""
        number = next(self._numbers)
        picked = list(SMALL)[number % len(SMALL)]
        if picked == "ridge":
            return self._spec(picked, self._diabetes, {})
        params = {**SMALL[picked]}
        if picked == "mlp":
            params.update(hidden_layer_sizes=[4 + number % 5], max_iter=20)
        elif picked != "logistic_regression":
            params.update(n_estimators=20 + 10 * (number % 9), max_depth=3 + number % 5)
        left_out = [f"r{reading}" for reading in range(READINGS - number % 8, READINGS)]
        return {
            **self._spec(picked, self._stages, params),
            "exclude_features": left_out, "phases": list(STAGES[: 1 + number % len(STAGES)]),
        }  # fmt: skip

    def _test(self, model_id: int, dataset_id: int) -> Json:
        return {"job_type": "TEST", "model_id": model_id, "dataset_id": dataset_id, "phases": ["old"]}

    def _fill_the_queue(self) -> None:
        for name in ("lightgbm", "lightgbm", "mlp"):  # one runs, the others wait
            self._submit(self._spec(name, self._large, ENDLESS if name == "lightgbm" else {}))

    def _spec(self, model_type: str, dataset_id: int, params: Json) -> Json:
        return {
            "job_type": "TRAIN", "model_name": f"model-{model_type.replace('_', '-')}", "model_type": model_type,
            "dataset_id": dataset_id, "target": {"column": "target"}, "params": params,
            "random_state": next(self._numbers),
        }  # fmt: skip

    def _run(self, specs: Iterable[Json]) -> list[Json]:
        answers = self._post("/jobs/batch", json={"jobs": list(specs)})["items"]
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda answer: self._end(answer["job"]["id"]), answers))
        assert [job for job in ended if job["status"] != "COMPLETED"] == []
        return ended

    def _submit(self, spec: Json) -> int:
        return int(self._post("/jobs", json=spec)["id"])

    def _end(self, job_id: int) -> Json:
        def ended() -> Json | None:
            job = self._ask("GET", f"/jobs/{job_id}?wait=20", 200)
            return job if job["status"] not in {"PENDING", "RUNNING"} else None

        return eventually(ended, within=180, every=0.5, what=f"job {job_id} has ended") or {}

    def _until_it_moves(self, job_id: int) -> None:
        def moves() -> bool:
            job = self._ask("GET", f"/jobs/{job_id}", 200)
            return bool(job["status"] == "RUNNING" and job["progress"] > 0)

        eventually(moves, within=120, every=0.2, what=f"job {job_id} makes progress")

    def _post(self, path: str, **options: Any) -> Json:
        answer = self._http.post(path, **options).raise_for_status().json()
        assert isinstance(answer, dict)
        return answer

    def _ask(self, method: str, path: str, code: int, **options: Any) -> Any:
        answer = self._http.request(method, path, **options)
        assert answer.status_code == code, f"{method} {path}: {answer.status_code}, not {code}: {answer.text[:300]}"
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else None
