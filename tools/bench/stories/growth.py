"""Growth: every list, filter and single request, a submission and a claim, on a large and on a small database."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tools.bench.figures import Row, at_most, median, percentile
from tools.bench.http_client import Connection
from tools.bench.probing import run_probe
from tools.bench.service import Service, running_service, sample_dataset, train_spec
from tools.bench.stories.base import NAMES, Run, Story, database_settings

SMALL_FINISHED, SMALL_PENDING = 2_000, 100  # enough for a full page of every list that the large database can fill
ENOUGH = 100_000_000
FILTERS = (
    "status=PENDING",
    "status=RUNNING",
    "status=COMPLETED",
    "status=FAILED",
    "status=CANCELLED",
    "job_type=COMPARE",
    "model_type=mlp",
    "job_type=TRAIN&model_type=mixed",
    "status=COMPLETED&job_type=TEST&model_type=lightgbm",
)
PATHS = (
    "/jobs/{middle}",
    "/jobs?limit=50",
    *(f"/jobs?limit=50&{each}" for each in FILTERS),
    "/jobs/{middle}/logs",
    "/models/{model}",
    "/models?limit=50",
    "/models?limit=50&name=bench",
    "/models?limit=50&name=nothing",
    "/models?limit=50&model_type=mlp",
    "/models?limit=50&model_type=lightgbm",
    "/models?limit=50&alias=champion",
    "/datasets?limit=50",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One database behind its API: where to ask, and ids in the middle of its tables."""

    service: Service
    http: Connection
    dataset_id: int
    middle: int
    model: int

    def ask(self, call: str) -> float:
        """Milliseconds of one call."""
        if call == "POST /jobs":
            answer = self.http.ask("POST", "/jobs", train_spec(self.dataset_id, n_estimators=10))
        else:
            answer = self.http.ask("GET", call.removeprefix("GET ").format(middle=self.middle, model=self.model))
        answer.json()
        return 1000 * answer.seconds


def measure(run: Run) -> Sequence[Row]:
    """One kind of database after the other; both sizes are up, and each call asks them in turn."""
    return [row for kind in run.databases for row in _measure(run, kind)]


def _measure(run: Run, kind: str) -> list[Row]:
    finished, pending = run.size((1_000_000, 100_000), (50_000, 5_000))
    calls = [*(f"GET {path}" for path in PATHS), "POST /jobs"]
    with ExitStack() as stack:
        small = _subject(run, stack, f"{kind}-small", SMALL_FINISHED, SMALL_PENDING)
        large = _subject(run, stack, f"{kind}-large", finished, pending)
        with run.timing():
            took = {call: _in_turn(call, (small, large), run.size(40, 15)) for call in calls}
            took["a claim"] = tuple(
                run_probe(run.checkout, "claims", each.service.database_url, "service", 1, 0.05)["ms"]
                for each in (small, large)
            )
    return _rows(NAMES[kind], took)


def _rows(name: str, took: dict[str, tuple[list[float], list[float]]]) -> list[Row]:
    ratios = {call: median(large) / median(small) for call, (small, large) in took.items()}
    worst = max(ratios, key=lambda call: ratios[call])
    return [
        Row(f"largest ratio to the small database, {name}", ratios[worst], target=at_most(1.5), spread=worst),
        *(
            Row(
                f"{call}, {name}",
                median(large),
                "ms",
                at_most(10),
                f"p99 {percentile(large, 0.99):.1f}; small {median(small):.1f}; ratio {ratios[call]:.2f}",
            )
            for call, (small, large) in took.items()
        ),
    ]


def _in_turn(call: str, subjects: tuple[Subject, Subject], count: int) -> tuple[list[float], list[float]]:
    small, large = list[float](), list[float]()
    for number in range(-2, count):
        for subject, kept in zip(subjects, (small, large), strict=True):
            took = subject.ask(call)
            if number >= 0:
                kept.append(took)
    return small, large


def _subject(run: Run, stack: ExitStack, name: str, finished: int, pending: int) -> Subject:
    settings = stack.enter_context(database_settings(name.partition("-")[0]))
    service = stack.enter_context(
        running_service(
            run.checkout, run.directory / name, limits__pending_jobs=ENOUGH, worker_concurrency=1, **settings
        )
    )
    http = service.connect()
    dataset_id = sample_dataset(http)
    service.freeze("worker", "maintenance", "exporter")
    run_probe(run.checkout, "fill", service.database_url, finished, pending)
    run.say(f"{name} is filled")
    return Subject(service, http, dataset_id, middle=finished // 2, model=finished // 20)


STORY = Story(
    "growth",
    "A database of 1,000,000 finished jobs",
    "1,000,000 finished jobs, 100,000 waiting ones and 100,000 models of one name, against 2,000, 100 and 200, so that "
    "a page is full in both; one connection, workers, maintenance and exporter frozen; both are asked in turn.",
    measure,
)
