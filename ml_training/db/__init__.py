"""The database, which is the queue and the truth. The only package that uses SQLAlchemy statements and Alembic."""
