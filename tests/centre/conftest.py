"""Fixtures of the data centre."""

from tests.registry_fixtures import (  # noqa: F401
    drop_audit_guards,
    home,
    postgresql_server,
    registry_address,
    sqlite_home,
)
