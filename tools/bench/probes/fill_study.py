"""`fill_study.py URL JOB TRIALS`: so many more trials of the study that this TUNE job has made."""

import sys

from ml_training.db.engine import open_database
from tools.bench.filling import fill_study


def main() -> None:
    """Fill."""
    url, job_id, trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    database = open_database(url)
    fill_study(database, study_job_id=job_id, trials=trials)
    database.dispose()


if __name__ == "__main__":
    main()
