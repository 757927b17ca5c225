"""Random forest and logistic regression on 200,000 x 30, against bare scripts with as many cores."""

from collections.abc import Sequence

from tools.bench.figures import Row, at_most, median, ratio, spread
from tools.bench.floors.running import bare_run
from tools.bench.generated import write_csv, write_parquet
from tools.bench.service import running_service, train, train_spec, upload_dataset
from tools.bench.stories.base import Run, Story

THREADS = 2
LIMITS = {"random_forest": 1.05, "logistic_regression": 1.2}


def measure(run: Run) -> Sequence[Row]:
    """Each round asks the service and the script in turn; the service gets another seed each time."""
    rows = run.size(200_000, 20_000)
    rounds = {"random_forest": run.size(2, 1), "logistic_regression": run.size(7, 3)}
    csv = write_csv(run.directory / "data.csv", rows=rows, seed=1)
    parquet = write_parquet(run.directory / "data.parquet", rows=rows, seed=1)
    result = []
    with running_service(run.checkout, run.directory / "service") as service:
        http, dataset_id = service.connect(), upload_dataset(service, csv)
        for name, limit in LIMITS.items():
            params = {"n_estimators": 100} if name == "random_forest" else {}
            spec = train_spec(dataset_id, model_type=name, **params)
            train(http, {**spec, "params": {"n_estimators": 2}} if params else spec)  # a warm worker
            ours, bare, whole = [], [], []
            for number in range(rounds[name]):
                with run.timing():
                    ours.append(train(http, {**spec, "random_state": number}))
                    script = bare_run(name, "parquet", parquet, threads=THREADS)
                bare.append(script.without_imports)
                whole.append(script.wall)
            run.say(f"{name}: {median(ours):.2f} s, bare {median(bare):.2f} s")
            words = name.replace("_", " ")
            result += [
                Row(f"{words} / bare script", ratio(ours, bare), target=at_most(limit)),
                Row(f"{words}", median(ours), "s", spread=spread(ours)),
                Row(f"{words}, bare script", median(bare), "s", spread=spread(bare)),
                Row(f"{words}, bare script with its imports", median(whole), "s", spread=spread(whole)),
            ]
    return result


STORY = Story(
    "families",
    "Random forest and logistic regression on 200,000 x 30",
    "100 trees; L-BFGS on standardised columns. SQLite, default settings, one job at a time. Floor: a bare script with "
    "2 threads that reads Parquet, without its imports, because a worker has done those before.",
    measure,
)
