"""Fixtures of the reports: a data centre that knows whose sample it is."""

from tests.registry_fixtures import sqlite_home, sqlite_template  # noqa: F401
