"""The sample run of `ml-training up --sample`: trains, tests and compares two models on a real data set over HTTP."""

from collections.abc import Callable, Sequence
from typing import Any

from ml_training.client.errors import ClientError
from ml_training.client.transport import Transport
from ml_training.client.waiting import wait_for_jobs
from ml_training.domain.states import JobStatus
from ml_training.local.console_output import CommandOutput
from ml_training.local.run_file import RunInfo
from ml_training.local.sample_key import sample_key

Json = dict[str, Any]
SAMPLE = "breast_cancer"
TARGET = "target"
MODEL_TYPES = ("lightgbm", "random_forest")
SHOWN_SCORES = ("accuracy", "f1", "roc_auc")


class SampleFailed(Exception):
    """A job of the sample run did not complete."""


class SampleRun:
    """Uses the service once, as a user would."""

    def __init__(self, client: Transport, *, output: CommandOutput) -> None:
        self._client = client
        self._output = output

    def database_is_empty(self) -> bool:
        """Whether there are no data sets and no jobs; the sample run must not mix with a user's work."""
        return not any(self._client.get(path, limit=1)["items"] for path in ("/datasets", "/jobs"))

    def run(self) -> None:
        """Ingest, train, test and compare, and print the scores; raises SampleFailed."""
        self._output.message("sample", f"Sample run: data set {SAMPLE}, models {' and '.join(MODEL_TYPES)}")
        dataset = self._ingest()
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

    def _ingest(self) -> Json:
        dataset = self._client.post("/datasets", {"name": SAMPLE, "sample": SAMPLE}, repeatable=False)
        job = self._client.get(f"/jobs/{dataset['job_id']}")
        self._watch([job])
        dataset = self._client.get(f"/datasets/{dataset['id']}")
        if dataset["status"] != "READY":
            raise SampleFailed(f"the sample data set is {dataset['status']}: {dataset.get('reasons')}")
        return dataset

    def _complete(self, specs: Sequence[Json]) -> list[Json]:
        return self._watch([self._client.post("/jobs", spec) for spec in specs])

    def _watch(self, jobs: Sequence[Json]) -> list[Json]:
        with self._output.progress_bars() as bars:
            ended = wait_for_jobs(self._client, jobs, bars=bars)
        for job in ended:
            if job["status"] != JobStatus.COMPLETED:
                raise SampleFailed(f"job {job['id']} ended {job['status']}: {job.get('error') or 'no reason given'}")
        return ended

    def _print_models(self, model_ids: Sequence[int]) -> None:
        models = [self._client.get(f"/models/{model_id}") for model_id in model_ids]
        self._output.table(
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
        self._output.message("test", text, model_id=result["model_id"], scores=scores, overlap=result["overlap"])

    def _print_winner(self, comparison: Json) -> None:
        winner = comparison["winner_model_id"]
        text = "a tie" if winner is None else f"model {winner} wins"
        text = f"COMPARE by {comparison['metric']}: {text}"
        self._output.message("compare", text, metric=comparison["metric"], winner_model_id=winner)


def run_sample(info: RunInfo, output: CommandOutput, *, pause: Callable[[float], None], is_closed: bool) -> bool:
    """The sample run on a running stack, unless it has data; False, with a message, if it did not complete.

    pause: waits for a number of seconds; is_closed: a user must sign in, so the run makes a key for itself.
    """
    with (
        sample_key(info.database_url, is_closed=is_closed) as key,
        Transport(info.api_url, key=key, pause=pause, is_known=True) as client,
    ):
        run = SampleRun(client, output=output)
        try:
            if run.database_is_empty():
                run.run()
            else:
                output.message("sample", "The database already holds data sets or jobs: the sample run is left out")
        except (SampleFailed, ClientError) as error:
            output.message("sample_failed", f"The sample run did not complete: {error}")
            return False
    return True


def train_spec(model_type: str, dataset_id: int) -> Json:
    """The spec of a TRAIN job of the sample run."""
    return {
        "job_type": "TRAIN",
        "model_name": f"{SAMPLE}-{model_type}",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": TARGET},
    }
