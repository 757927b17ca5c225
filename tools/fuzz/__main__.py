"""`make fuzz SEED=1 REQUESTS=100000`: mutated requests, half to each server; status 0 if all is well."""

import argparse
import sys
import tempfile
from pathlib import Path

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from tests.support.redis_server import start_redis
from tools.fuzz.run import Report, fuzz, running_targets


def migrate_new(url: str) -> None:
    """Make the database."""
    database = open_database(url)
    migrate(database)
    database.dispose()


def report_of(report: Report) -> str:
    """The numbers of one server, and below them every finding."""
    statuses = ", ".join(
        f"{status or 'closed'} x {count:,}" for status, count in sorted(report.outcome.statuses.items())
    )
    megabytes = " to ".join(f"{report.memory[place] / (1 << 20):.0f}" for place in (0, -1))
    lines = [
        f"{report.target}: {report.outcome.statuses.total():,} requests, {len(report.outcome.findings)} findings",
        f"  answers {statuses}",
        f"  memory {megabytes} MiB, at most {max(report.memory) / (1 << 20):.0f}",
        *(f"  finding: {finding}" for finding in report.outcome.findings[:20]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        directory = Path(name)
        database_url = f"sqlite:///{directory / 'jobs.db'}"
        migrate_new(database_url)
        redis = start_redis(directory)
        try:
            with running_targets(directory, database_url, redis.url) as targets:
                reports = [fuzz(target, requests=given.requests // 2, seed=given.seed) for target in targets]
        finally:
            redis.stop()
    sys.stdout.write("\n".join([*map(report_of, reports), ""]))
    return 0 if all(report.is_good for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
