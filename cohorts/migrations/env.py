"""How Alembic reaches the registry: on the connection that `cohorts.database.migrate` gives it."""

from __future__ import annotations

from alembic import context

from genomics_dc.cohorts.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("migrations run through `genomics-dc cohort init` and `genomics-dc cohort upgrade`")

context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
