"""The registry's schema, step by step, for SQLite and PostgreSQL."""
