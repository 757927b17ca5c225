"""A host that is gone without a word leaves no connections behind for hours; `make scale` looks at it on real hosts."""

from collections.abc import Callable

from sqlalchemy import text

from ml_training.db.engine import open_database

SHOWN = "SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_%'"


def test_the_server_drops_the_connections_of_a_host_that_does_not_answer(new_postgresql: Callable[[], str]) -> None:
    database = open_database(new_postgresql())
    try:
        for transaction in (database.read, database.write):
            with transaction() as connection:
                found = {row.name: int(row.setting) for row in connection.execute(text(SHOWN))}
            idle = found["tcp_keepalives_idle"] + found["tcp_keepalives_interval"] * found["tcp_keepalives_count"]
            assert idle <= 60, "seconds without a word"
            assert 0 < found["tcp_user_timeout"] <= 60_000, "milliseconds with an answer on its way"
    finally:
        database.dispose()
