"""The first tables: keys, events, attempts to download, measurements, usage."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("concurrent", sa.Integer),
        sa.Column("tokens_per_day", sa.BigInteger),
        sa.Column("created_at", sa.String(30), nullable=False),
        sa.Column("revoked_at", sa.String(30)),
    )
    active = sa.text("revoked_at IS NULL")
    op.create_index(
        "keys_name", "keys", ["name"], unique=True, sqlite_where=active, postgresql_where=active
    )
    op.create_table(
        "events",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", sa.String(30), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("act", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "attempts",
        sa.Column("id", ID, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("at", sa.String(30), nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
    )
    op.create_index("ix_attempts_model", "attempts", ["model"])
    op.create_table(
        "measurements",
        sa.Column("id", ID, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("commit", sa.String(64), nullable=False),
        sa.Column("variant", sa.String(100), nullable=False),
        sa.Column("family", sa.String(100)),
        sa.Column("engine", sa.String(60), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("context", sa.BigInteger),
        sa.Column("sequences", sa.Integer),
        sa.Column("kv_dtype", sa.String(20)),
        sa.Column("tensor_parallel", sa.Integer, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("component", sa.String(40), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("at", sa.String(30), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
    )
    op.create_index("ix_measurements_model", "measurements", ["model"])
    op.create_index("ix_measurements_family", "measurements", ["family"])
    op.create_table(
        "usage",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("model", sa.String(400), primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
