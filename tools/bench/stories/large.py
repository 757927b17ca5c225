"""The large job: 1,000,000 x 30, LightGBM with 100 trees, from a file to a model, against bare scripts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.bench.figures import Row, at_most, median, ratio, spread
from tools.bench.floors.running import BareRun, bare_run, bare_sources
from tools.bench.generated import write_csv, write_parquet
from tools.bench.machine import peak_memory_mb, reset_peak_memory
from tools.bench.service import Service, running_service, train, train_spec, upload_dataset
from tools.bench.stories.base import Run, Story

THREADS = 2
HUGE_ROWS = 20_000_000
SLOT_BYTES = 4_000_000_000


@dataclass(slots=True)
class Timings:
    """Seconds and MB of each round."""

    upload: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    bare: dict[str, list[BareRun]] = field(default_factory=dict)

    def bare_wall(self, source: str) -> list[float]:
        """Seconds of the bare script with this source."""
        return [each.wall for each in self.bare[source]]

    @property
    def best(self) -> str:
        """The fastest source."""
        return min(self.bare, key=lambda source: median(self.bare_wall(source)))


def measure(run: Run) -> Sequence[Row]:
    """Each round has data of its own, so that nothing is remembered from the round before."""
    rows, rounds = run.size(1_000_000, 200_000), run.size(3, 1)
    timings = Timings()
    with running_service(run.checkout, run.directory / "service") as service:
        _warm_up(run, service)
        for number in range(rounds):
            csv = write_csv(run.directory / f"round{number}.csv", rows=rows, seed=number)
            parquet = write_parquet(run.directory / f"round{number}.parquet", rows=rows, seed=number)
            for source in bare_sources():
                with run.timing():
                    timings.bare.setdefault(source, []).append(
                        bare_run("lightgbm", source, parquet if source == "parquet" else csv, threads=THREADS)
                    )
            with run.timing():
                _service_round(service, csv, timings)
            run.say(f"first {timings.first[-1]:.1f} s, second {timings.second[-1]:.1f} s, bare {_walls(timings)}")
            csv.unlink()
            parquet.unlink()
    return [*_rows(timings), *(_huge(run) if run.huge else [])]


def _walls(timings: Timings) -> str:
    return ", ".join(f"{source} {runs[-1].wall:.1f} s" for source, runs in timings.bare.items())


def _service_round(service: Service, csv: Path, timings: Timings) -> None:
    http, worker = service.connect(), service.part("worker")
    started = time.perf_counter()
    dataset_id = upload_dataset(service, csv)
    timings.upload.append(time.perf_counter() - started)
    for process in worker:
        reset_peak_memory(process)
    timings.first.append(train(http, train_spec(dataset_id, n_estimators=100)))
    timings.peak_mb.append(peak_memory_mb(service.part("worker")))
    timings.second.append(train(http, train_spec(dataset_id, n_estimators=100, learning_rate=0.05, num_leaves=31)))


def _warm_up(run: Run, service: Service) -> None:
    csv = write_csv(run.directory / "warm-up.csv", rows=2_000, seed=99)
    dataset_id = upload_dataset(service, csv)
    for _ in range(4):
        train(service.connect(), train_spec(dataset_id, n_estimators=5))


def _rows(timings: Timings) -> list[Row]:
    best, pandas = timings.bare_wall(timings.best), timings.bare_wall("csv-pandas")
    whole = [upload + first for upload, first in zip(timings.upload, timings.first, strict=True)]
    bare_peak = [each.peak_mb for each in timings.bare["parquet"]]
    return [
        Row(f"first TRAIN / best bare script ({timings.best})", ratio(timings.first, best), target=at_most(1.05)),
        Row(
            "second TRAIN, other boosting parameters / best bare script",
            ratio(timings.second, best),
            target=at_most(0.8),
        ),
        Row("upload to model / pandas script", ratio(whole, pandas), target=at_most(1.3)),
        Row("peak memory of the job / bare Parquet script", ratio(timings.peak_mb, bare_peak), target=at_most(0.6)),
        Row("upload until READY", median(timings.upload), "s", spread=spread(timings.upload)),
        Row("first TRAIN", median(timings.first), "s", spread=spread(timings.first)),
        Row("second TRAIN", median(timings.second), "s", spread=spread(timings.second)),
        Row("peak memory of the job", median(timings.peak_mb), "MB", spread=spread(timings.peak_mb)),
        *(
            Row(
                f"bare script, {source}",
                median(timings.bare_wall(source)),
                "s",
                spread=spread(timings.bare_wall(source)),
            )
            for source in timings.bare
        ),
        Row("peak memory of the bare Parquet script", median(bare_peak), "MB", spread=spread(bare_peak)),
    ]


def _huge(run: Run) -> list[Row]:
    """20,000,000 x 30 in a slot of 4 GB: it trains, or the story fails."""
    rows = run.size(HUGE_ROWS, HUGE_ROWS // 20)
    path = write_parquet(run.directory / "huge.parquet", rows=rows, seed=7)
    cells = rows * 40
    limits = {
        "limits__upload_bytes": 20_000_000_000,
        "limits__unpacked_bytes": 20_000_000_000,
        "limits__cells": cells,
        "worker_concurrency": 1,
        "worker_memory_bytes": SLOT_BYTES,
    }
    with run.timing(), running_service(run.checkout, run.directory / "huge", **limits) as service:
        dataset_id = upload_dataset(service, path)
        for process in service.part("worker"):
            reset_peak_memory(process)
        took = train(service.connect(), train_spec(dataset_id, n_estimators=100))
        peak = peak_memory_mb(service.part("worker"))
    return [
        Row(f"{rows:,} x 30 in a slot of 4 GB: peak memory", peak, "MB", at_most(SLOT_BYTES / 1e6)),
        Row(f"{rows:,} x 30 in a slot of 4 GB: TRAIN", took, "s"),
    ]


STORY = Story(
    "large",
    "A large job: 1,000,000 x 30, LightGBM with 100 trees",
    "SQLite, default settings, the file is CSV with six decimals; every round has new data. Floor: a bare script in a "
    "fresh process with 2 threads, its imports and reading included: CSV with pandas, CSV with polars where installed, "
    "Parquet with float32; one ROC AUC on a fifth of the rows, no losses each round.",
    measure,
)
