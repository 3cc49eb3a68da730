"""Fixtures of the registry."""

from tests.registry_fixtures import (  # noqa: F401
    drop_audit_guards,
    home,
    postgresql_server,
    postgresql_template,
    registry_address,
    sqlite_home,
    sqlite_template,
)
