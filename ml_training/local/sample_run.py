"""The sample run of `ml-training up --sample`: a real data set in, two models out, tested and compared over HTTP."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ml_training.domain.states import JobStatus
from ml_training.local.api_client import Client
from ml_training.local.console_output import Reporter
from ml_training.local.watch_jobs import follow, patiently

Json = dict[str, Any]
Pause = Callable[[float], None]
SAMPLE = "breast_cancer"
TARGET = "target"
MODEL_TYPES = ("lightgbm", "random_forest")
SHOWN_SCORES = ("accuracy", "f1", "roc_auc")


class SampleFailed(Exception):
    """A job of the sample run did not complete."""


class SampleRun:
    """One pass through the service, as a user would do it."""

    def __init__(self, client: Client, *, reporter: Reporter, pause: Pause) -> None:
        self._client = client
        self._reporter = reporter
        self._pause = pause

    def is_wanted(self) -> bool:
        """Whether the database is empty; the sample is never put beside somebody's work."""
        first = [partial(self._client.get, path, limit=1) for path in ("/datasets", "/jobs")]
        return not any(patiently(call, pause=self._pause)["items"] for call in first)

    def run(self) -> None:
        """Load, train, test, compare and print the scores; raises SampleFailed."""
        self._reporter.say("sample", f"Sample run: data set {SAMPLE}, models {' and '.join(MODEL_TYPES)}")
        dataset = self._load()
        trained = self._complete([train_spec(model_type, dataset["id"]) for model_type in MODEL_TYPES])
        model_ids = [job["result"]["model_id"] for job in trained]
        tested, compared = self._complete(
            [
                {"job_type": "TEST", "model_id": model_ids[0], "dataset_id": dataset["id"]},
                {"job_type": "COMPARE", "model_ids": model_ids, "dataset_id": dataset["id"], "metric": "accuracy"},
            ]
        )
        self._print_models(model_ids)
        self._print_test(self._client.get(f"/test-results/{tested['result']['test_result_id']}"))
        self._print_winner(self._client.get(f"/comparisons/{compared['result']['comparison_id']}"))

    def _load(self) -> Json:
        dataset = self._client.post("/datasets", {"name": SAMPLE, "sample": SAMPLE})
        job = self._client.get(f"/jobs/{dataset['job_id']}")
        self._follow([job])
        dataset = self._client.get(f"/datasets/{dataset['id']}")
        if dataset["status"] != "READY":
            raise SampleFailed(f"the sample data set is {dataset['status']}: {dataset.get('reasons')}")
        return dataset

    def _complete(self, specs: Sequence[Json]) -> list[Json]:
        return self._follow([self._client.post("/jobs", spec) for spec in specs])

    def _follow(self, jobs: Sequence[Json]) -> list[Json]:
        with self._reporter.bars() as bars:
            ended = follow(self._client, jobs, bars=bars, pause=self._pause)
        for job in ended:
            if job["status"] != JobStatus.COMPLETED:
                raise SampleFailed(f"job {job['id']} ended {job['status']}: {job.get('error') or 'no reason given'}")
        return ended

    def _print_models(self, model_ids: Sequence[int]) -> None:
        models = [self._client.get(f"/models/{model_id}") for model_id in model_ids]
        self._reporter.table(
            "models",
            ("model", "type", "held-out accuracy", "training accuracy"),
            [
                (
                    model["id"],
                    model["model_type"],
                    model["scores"]["held_out"]["accuracy"],
                    model["scores"]["train"]["accuracy"],
                )
                for model in models
            ],
        )

    def _print_test(self, result: Json) -> None:
        scores = {name: result["scores"][name] for name in SHOWN_SCORES}
        text = ", ".join(f"{name} {value:.4f}" for name, value in scores.items() if value is not None)
        text = f"TEST of model {result['model_id']} on all {result['rows']} rows: {text}"
        if result["overlap"]:
            text += " (it was trained on some of them)"
        self._reporter.say("test", text, model_id=result["model_id"], scores=scores, overlap=result["overlap"])

    def _print_winner(self, comparison: Json) -> None:
        winner = comparison["winner_model_id"]
        text = "a tie" if winner is None else f"model {winner} wins"
        text = f"COMPARE by {comparison['metric']}: {text}"
        self._reporter.say("compare", text, metric=comparison["metric"], winner_model_id=winner)


def train_spec(model_type: str, dataset_id: int) -> Json:
    """The TRAIN job of the sample run."""
    return {
        "job_type": "TRAIN",
        "model_name": f"{SAMPLE}-{model_type}",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": TARGET},
    }
