"""The clock of the database, for tests that place rows in time."""

from sqlalchemy import Connection, select

from ml_training.db.clock import db_now


def database_now(connection: Connection) -> float:
    """Unix seconds."""
    return float(connection.execute(select(db_now())).scalar_one())
