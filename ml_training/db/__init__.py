"""The database: the queue and the truth. SQLAlchemy Core and Alembic live here only."""
