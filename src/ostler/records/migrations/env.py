"""What Alembic runs: the steps, in the transaction that `ostler.records.database` has opened."""

from alembic import context

from ostler.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
