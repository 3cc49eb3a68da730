"""A strict reader of VCF: what in a file breaks the specification (4.1 to 4.5), where, and by which rule."""

from genomics_dc.store.validate.file import Validation, validate_vcf
from genomics_dc.store.validate.findings import Finding
from genomics_dc.store.validate.header import check_header, read_header
from genomics_dc.store.validate.model import HeaderModel
from genomics_dc.store.validate.record import check_record
from genomics_dc.store.validate.rules import RULES, Rule, rules_as_markdown

__all__ = [
    "RULES",
    "Finding",
    "HeaderModel",
    "Rule",
    "Validation",
    "check_header",
    "check_record",
    "read_header",
    "rules_as_markdown",
    "validate_vcf",
]
