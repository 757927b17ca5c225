"""Columns as the tables need them: keys, texts, numbers and times, in the types of both databases."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, Text

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
