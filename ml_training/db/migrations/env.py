"""Alembic's entry: runs the migrations over the connection that `ml_training.db.migrate` hands in."""

from alembic import context

from ml_training.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=False
)
context.run_migrations()
