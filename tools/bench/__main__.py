"""`make bench`: how long a small job takes from POST to COMPLETED, and what each process weighs, on this machine.

Starts the whole service as `ml-training up` does, in a temporary directory. Figures for people, not a test: run it on
a quiet machine and compare only figures of the same run.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.stack_process import StackProcess, start_stack

SPEC: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "bench",
    "model_type": "lightgbm",
    "target": {"column": "target"},
    "params": {"n_estimators": 50},
}


def ready_dataset(http: httpx.Client) -> int:
    """breast_cancer, READY."""
    answer = http.post("/datasets?wait=30", json={"name": "breast_cancer", "sample": "breast_cancer"})
    dataset: dict[str, Any] = answer.raise_for_status().json()
    return int(dataset["id"])


def one_job(http: httpx.Client, dataset_id: int) -> float:
    """Seconds from POST to COMPLETED, as a client sees them."""
    begun = time.perf_counter()
    job = http.post("/jobs", json={**SPEC, "dataset_id": dataset_id}).raise_for_status().json()
    job = http.get(f"/jobs/{job['id']}?wait=30").raise_for_status().json()
    if job["status"] != "COMPLETED":
        raise SystemExit(f"job {job['id']} is {job['status']}: {job['error']}")
    return time.perf_counter() - begun


def throughput(http: httpx.Client, dataset_id: int, count: int) -> float:
    """Jobs a second when `count` are submitted at once."""
    begun = time.perf_counter()
    body = {"jobs": [{**SPEC, "dataset_id": dataset_id}] * count}
    last = http.post("/jobs/batch", json=body).raise_for_status().json()
    ids = [item["job"]["id"] for item in last["items"]]
    for job_id in ids:
        http.get(f"/jobs/{job_id}?wait=30").raise_for_status()
    return count / (time.perf_counter() - begun)


def memory(stack: StackProcess) -> list[tuple[str, float, float]]:
    """(command, resident MB, unique MB) of every process of the service."""
    rows = []
    for process in stack.descendants():
        info = process.memory_full_info()
        command = [part for part in process.cmdline() if part]  # who writes its own title leaves empty ones behind
        rows.append((" ".join(command[-3:])[-60:], info.rss / 1e6, info.uss / 1e6))
    return rows


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory) / "data") as stack:
        stack.wait_until_ready()
        with httpx.Client(base_url=stack.urls[0], timeout=60) as http:
            dataset_id = ready_dataset(http)
            first = one_job(http, dataset_id)
            took = sorted(one_job(http, dataset_id) for _ in range(jobs))
            rate = throughput(http, dataset_id, 2 * jobs)
        weights = memory(stack)
    p99 = took[min(len(took) - 1, int(0.99 * len(took)))]
    sys.stdout.write(
        f"POST to COMPLETED, breast_cancer, LightGBM with 50 trees, {os.cpu_count()} cores,"
        f" {jobs} jobs one after the other\n"
        f"  first {first:.3f} s, then p50 {statistics.median(took):.3f} s, p99 {p99:.3f} s\n"
        f"  {2 * jobs} jobs at once: {rate:.1f} jobs/s\n"
        "memory (resident / unique MB)\n"
    )
    for command, resident, unique in weights:
        sys.stdout.write(f"  {resident:7.1f} {unique:7.1f}  {command}\n")


if __name__ == "__main__":
    main()
