"""The tables, as the migrations up to `head.HEAD` make them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()
Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by themselves in INTEGER

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("models", Text, nullable=False),  # JSON, a list of patterns
    Column("requests_per_minute", Integer),
    Column("concurrent", Integer),
    Column("tokens_per_day", BigInteger),
    Column("created_at", String(30), nullable=False),
    Column("revoked_at", String(30)),
)
# A name belongs to one key at a time; a revoked key keeps its name, for the history.
Index(
    "keys_name",
    keys.c.name,
    unique=True,
    sqlite_where=text("revoked_at IS NULL"),
    postgresql_where=text("revoked_at IS NULL"),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", String(30), nullable=False, index=True),
    Column("actor", String(200), nullable=False),
    Column("act", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("why", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON, an object
    sqlite_autoincrement=True,  # a number is never given twice
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("model", Text, nullable=False, index=True),
    Column("outcome", String(20), nullable=False),
    Column("at", String(30), nullable=False),
    Column("seconds", Float),
    Column("bytes", BigInteger),
    Column("code", String(60), nullable=False),
    Column("what", Text, nullable=False),
)

measurements = Table(
    "measurements",
    metadata,
    Column("id", Id, primary_key=True),
    Column("model", Text, nullable=False, index=True),
    Column("commit", String(64), nullable=False),
    Column("variant", String(100), nullable=False),
    Column("family", String(100), index=True),
    Column("engine", String(60), nullable=False),
    Column("version", String(60), nullable=False),
    Column("context", BigInteger),
    Column("sequences", Integer),
    Column("kv_dtype", String(20)),
    Column("tensor_parallel", Integer, nullable=False),
    Column("flags", Text, nullable=False),  # JSON, a list of pairs
    Column("component", String(40), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("device", String(40), nullable=False),
    Column("at", String(30), nullable=False),
    Column("source", String(200), nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("model", String(400), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
)
