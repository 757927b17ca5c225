"""`make bench-peers`: the small job and the large job on H2O-3 beside the service, in turn.

H2O-3 (https://pypi.org/project/h2o) is installed into an environment of its own below `build/peers` and needs Java. Its
GBM is an algorithm of its own, its models stay in memory, and it stores nothing: read the figures with that in mind.
MLflow and Ray are not measured: both start a process for each job, which takes seconds.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ml_training.local.ports import free_port
from ml_training.tabular.sample_files import write_sample
from tests.support.eventually import eventually
from tools.bench import report
from tools.bench.__main__ import say
from tools.bench.figures import MeasurementError, Row, Section, median, ratio, spread
from tools.bench.generated import write_csv
from tools.bench.service import ROOT, Checkout, running_service, sample_dataset, train, train_spec, upload_dataset

H2O = "h2o==3.46.0.12"
ENVIRONMENT = ROOT / "build" / "peers" / "h2o"
MEMORY = "6g"


class H2OServer:
    """A running H2O-3; everything over its REST API."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False)

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return self._http.get("/3/Cloud").json()["cloud_healthy"] is True
        except (httpx.HTTPError, ValueError, KeyError):
            return False

    def upload(self, path: Path) -> str:
        """Upload and parse a CSV file with a column `target` of two classes; the name of the frame."""
        frame = f"{path.stem}.hex"
        with path.open("rb") as file:
            sent = self._http.post("/3/PostFile", params={"destination_frame": path.name}, files={"file": file})
        sent.raise_for_status()
        found = self._post("/3/ParseSetup", source_frames=json.dumps([path.name]))
        types = ["Enum" if name == "target" else kind for name, kind in self._columns(found)]
        parsed = self._post(
            "/3/Parse",
            destination_frame=frame,
            source_frames=json.dumps([path.name]),
            parse_type=found["parse_type"],
            separator=found["separator"],
            number_columns=found["number_columns"],
            single_quotes=False,
            column_names=json.dumps(found["column_names"]),
            column_types=json.dumps(types),
            check_header=found["check_header"],
            delete_on_done=True,
            chunk_size=found["chunk_size"],
        )
        self._wait(parsed["job"])
        return frame

    def train(self, frame: str, *, trees: int, learning_rate: float) -> float:
        """Seconds of a GBM, from the request to DONE."""
        started = time.perf_counter()
        answer = self._post(
            "/3/ModelBuilders/gbm",
            training_frame=frame,
            response_column="target",
            ntrees=trees,
            learn_rate=learning_rate,
            seed=42,
        )
        self._wait(answer["job"])
        return time.perf_counter() - started

    @staticmethod
    def _columns(setup: dict[str, Any]) -> list[tuple[str, str]]:
        return list(zip(setup["column_names"], setup["column_types"], strict=True))

    def _post(self, path: str, **fields: object) -> dict[str, Any]:
        answer = self._http.post(path, data={name: str(value) for name, value in fields.items()})
        if answer.status_code >= 400:
            raise MeasurementError(f"H2O answered {path} with {answer.status_code}: {answer.text[:500]}")
        value: dict[str, Any] = answer.json()
        return value

    def _wait(self, job: dict[str, Any]) -> None:
        path = f"/3/Jobs/{urllib.parse.quote(job['key']['name'], safe='')}"

        def state() -> str:
            found = str(self._http.get(path).json()["jobs"][0]["status"])
            return "" if found in ("CREATED", "RUNNING") else found

        ended = eventually(state, every=0.001, within=3_600, what="H2O's job")
        if ended != "DONE":
            raise MeasurementError(f"H2O's job is {ended}")


def find_jar() -> Path:
    """H2O's program, installed when it is missing; raises MeasurementError with what is missing."""
    if shutil.which("java") is None:
        raise MeasurementError("java is missing: install a Java runtime, such as the package default-jre-headless")
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        say(f"installing {H2O} into build/peers, about 300 MB")
        venv.create(ENVIRONMENT, with_pip=True)
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", H2O], capture_output=True, text=True, check=False
    )
    found = sorted(ENVIRONMENT.glob("**/h2o.jar"))
    if done.returncode or not found:
        raise MeasurementError(f"{H2O} cannot be installed: {done.stderr[-1000:] or 'its wheel has no h2o.jar'}")
    return found[0]


@contextmanager
def running_h2o(jar: Path, directory: Path) -> Iterator[H2OServer]:
    """H2O on a free port of 127.0.0.1; ended afterwards."""
    port = free_port()
    command = [
        "java",
        f"-Xmx{MEMORY}",
        "-jar",
        str(jar),
        "-ip",
        "127.0.0.1",
        "-port",
        str(port),
        "-name",
        f"bench{port}",
    ]
    with (directory / "h2o.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        server = H2OServer(port)
        eventually(server.answers, every=0.2, what="H2O answers")
        yield server
    finally:
        process.terminate()
        process.wait(60)


def measure(directory: Path, *, jobs: int, rows: int) -> list[Row]:
    """The small job in turn, then the large one."""
    jar = find_jar()
    with running_service(Checkout(), directory / "service") as service, running_h2o(jar, directory) as h2o:
        http = service.connect()
        small, csv = sample_dataset(http), directory / "small.csv"
        write_sample("breast_cancer", csv)
        frame = h2o.upload(csv)
        ours, theirs = [], []
        for number in range(-15, jobs):
            rate = 0.1 + (number + 15) * 1e-5
            pair = (
                1000 * train(http, train_spec(small, n_estimators=10, learning_rate=rate)),
                1000 * h2o.train(frame, trees=10, learning_rate=rate),
            )
            if number >= 0:
                ours.append(pair[0])
                theirs.append(pair[1])
        say("small job measured")
        table = write_csv(directory / "large.csv", rows=rows, seed=1)
        started = time.perf_counter()
        large = upload_dataset(service, table)
        train(http, train_spec(large, n_estimators=100))
        our_seconds, started = time.perf_counter() - started, time.perf_counter()
        h2o.train(h2o.upload(table), trees=100, learning_rate=0.1)
        their_seconds = time.perf_counter() - started
    return [
        Row("small job: service / H2O", ratio(ours, theirs)),
        Row("small job: service, p50", median(ours), "ms", spread=spread(ours)),
        Row("small job: H2O, p50", median(theirs), "ms", spread=spread(theirs)),
        Row(f"{rows:,} x 30, upload to model, 100 trees: service / H2O", our_seconds / their_seconds),
        Row(f"{rows:,} x 30: service", our_seconds, "s"),
        Row(f"{rows:,} x 30: H2O", their_seconds, "s"),
    ]


def main() -> int:
    """Measure, print; 1 when something is missing."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory:
        try:
            rows = measure(Path(directory), jobs=options.jobs, rows=options.rows)
        except MeasurementError as error:
            sys.stderr.write(f"H2O cannot be measured: {error}\n")
            return 1
    section = Section(story="peers", title="H2O-3", how="", date="", commit="", conditions="", rows=tuple(rows))
    sys.stdout.write(report.console(section))
    return 0


if __name__ == "__main__":
    sys.exit(main())
