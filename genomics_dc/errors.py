"""Every error that a user can cause, as one plain sentence.

A message says where (file, line, sample or variant), what was expected, what came, and how to mend it. It never
carries a name, a medical-record number or any other identifier of a person: opaque sample ids only.
"""

from __future__ import annotations


class GenomicsError(Exception):
    """A problem that the user can mend. The command line prints the message and exits with `exit_code`."""

    exit_code: int = 1


class UsageError(GenomicsError, ValueError):
    """The command or call is wrong in itself (an unknown option value, options that exclude each other)."""

    exit_code = 2


class InputError(GenomicsError, ValueError):
    """An input file or table breaks its format or contradicts another input."""


class OutputExistsError(GenomicsError, FileExistsError):
    """The output is already there; nothing was changed."""


class ResourceError(GenomicsError, OSError):
    """The machine refused: disk full, no permission, no memory."""


class ToolError(GenomicsError, RuntimeError):
    """A needed program is missing, too old, or failed."""


class StoreError(GenomicsError, RuntimeError):
    """A store is damaged, locked, or of a format version this software does not read."""


class BuildMismatchError(InputError):
    """Reference bases disagree with the FASTA: the data are of another genome build."""


class FindingsError(GenomicsError):
    """Verification or validation ran to its end and found problems."""

    exit_code = 3


class RefusedError(GenomicsError, PermissionError):
    """Policy, consent or purpose does not allow this."""

    exit_code = 4


class MissingExtraError(GenomicsError, ImportError):
    """An optional dependency is needed; the message names the extra to install."""


class RegistryError(GenomicsError, RuntimeError):
    """The registry cannot be reached, is not a registry, needs a migration, or its keys do not open it."""
