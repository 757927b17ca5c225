"""Columns as the tables need them: keys, texts, numbers and times, in the types of both databases."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, Text, text

from ml_training.db.project_scope import current_project


def quoted(values: Iterable[str]) -> str:
    """The values as SQL texts, for a check constraint."""
    return ", ".join(f"'{value}'" for value in values)


BigId = BigInteger().with_variant(Integer, "sqlite")


def id_column() -> Column[int]:
    """The key that the database counts up."""
    return Column("id", BigId, primary_key=True, autoincrement=True)


def double(name: str, *, nullable: bool = False) -> Column[float]:
    """A number of 8 bytes."""
    return Column(name, Double, nullable=nullable)


def time(name: str, *, nullable: bool = False) -> Column[float]:
    """Unix seconds of the database's clock."""
    return double(name, nullable=nullable)


def string(name: str, *, nullable: bool = False) -> Column[str]:
    """A text of any length."""
    return Column(name, Text, nullable=nullable)


def integer(name: str, *, nullable: bool = False) -> Column[int]:
    """A whole number of 8 bytes."""
    return Column(name, BigInteger, nullable=nullable)


def foreign_key(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    """The key of a row of another table: "models.id"."""
    return Column(name, BigId, ForeignKey(target), nullable=nullable)


def project_column(*, primary_key: bool = False) -> Column[int]:
    """The project that a row belongs to: that of the transaction which inserts it.

    No foreign key: projects are never deleted, and each insert would lock the one row that all of a project share.
    """
    return Column(
        "project_id",
        BigId,
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
        default=current_project,
        server_default=text("1"),
    )
