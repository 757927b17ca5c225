"""`fill.py URL FINISHED PENDING`: finished and waiting jobs by the code of the measured checkout.

FINISHED 0 adds waiting jobs only; else it also adds a tenth as many models, all of one name.
"""

import sys

from sqlalchemy import text

from ml_training.db.engine import open_database
from tools.bench.filling import add_live, fill


def main() -> None:
    """Fill."""
    url, finished, pending = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    database = open_database(url)
    if finished:
        with database.write() as connection:
            connection.execute(text("DELETE FROM ledger_totals"))  # `fill` writes the totals of all jobs there are
        fill(database, finished=finished)
    if pending:
        add_live(database, running=0, pending=pending)
    database.dispose()


if __name__ == "__main__":
    main()
