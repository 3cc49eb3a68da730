"""The type of a variant as `bcftools query` prints it with %TYPE."""

from __future__ import annotations

_ORDER = ("REF", "SNP", "MNP", "INDEL", "OTHER", "BND", "OVERLAP")
_NO_VARIANT = {"<X>", "<*>", "<NON_REF>", "."}


def variant_type(reference: str, *alternatives: str) -> str:
    """Return the types of the alleles with commas between, such as "SNP" or "SNP,INDEL"; "REF" without ALT.

    Examples
    --------
    >>> variant_type("A", "G", "AT")
    'SNP,INDEL'
    """
    found = {_allele_type(reference, allele) for allele in alternatives} - {"REF"}
    return ",".join(name for name in _ORDER if name in found) or "REF"


def _allele_type(reference: str, allele: str) -> str:
    if allele in _NO_VARIANT:
        return "REF"
    if allele == "*":
        return "OVERLAP"
    if "[" in allele or "]" in allele:
        return "BND"
    if allele.startswith("<"):
        return "OTHER"
    a, b = reference.upper(), allele.upper()
    if a == b:
        return "REF"
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    if not a or not b:
        return "INDEL"
    if len(a) != len(b):
        return "OTHER"
    return "SNP" if len(a) == 1 else "MNP"
