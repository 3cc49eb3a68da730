"""The rules of ALT: bases, the star, symbolic alleles, breakends."""

from __future__ import annotations

import re

from genomics_dc.store.validate.model import HeaderModel, Report
from genomics_dc.store.validate.site import AMBIGUOUS_BASES

_ALT = 5
_LIST_OF_BASES = re.compile(rb"[ACGTNacgtn]++(?:,[ACGTNacgtn]++)*+")
_BASES = re.compile(rb"[ACGTNacgtn]+")
_SINGLE_BREAKEND = re.compile(rb"\.[ACGTNacgtn]+|[ACGTNacgtn]+\.")
_SYMBOLIC = re.compile(rb"<([^\s,<>]+)>")
# Bases (or a dot at a telomere) on one side, and a mate's place between brackets of one kind; sections 5.4 and 5.4.5.
_PLACE = rb"(?:<[^\s,<>]+>|[^\s,<>\[\]]+?):[0-9]+"
_BREAKEND = re.compile(
    rb"(?:[ACGTNacgtn]+|\.)(?:\[" + _PLACE + rb"\[|\]" + _PLACE + rb"\])"
    rb"|(?:\[" + _PLACE + rb"\[|\]" + _PLACE + rb"\])(?:[ACGTNacgtn]+|\.)"
)
_INSERTED_CONTIG = re.compile(rb"[ACGTNacgtn]+<[^\s,<>]+>|<[^\s,<>]+>[ACGTNacgtn]+")


class AlleleRules:
    """Holds ALT against the rules."""

    def __init__(self, model: HeaderModel) -> None:
        self._model = model

    def alternates(self, value: bytes, ref: bytes, report: Report) -> list[bytes]:
        """Check ALT; return its alleles, none where it is a dot."""
        if value == b".":
            return []
        alleles = value.split(b",")
        if not _LIST_OF_BASES.fullmatch(value):
            for allele in alleles:
                if not _BASES.fullmatch(allele):
                    self._one(allele, len(alleles), report)
        if len(alleles) > 1 and len(set(alleles)) != len(alleles):
            report.add("alt-repeated", "an allele is listed twice", value, column=_ALT)
        if ref in alleles:
            report.add("alt-equals-ref", "an ALT allele is the REF allele", value, column=_ALT)
        return alleles

    def _one(self, allele: bytes, n_alleles: int, report: Report) -> None:
        if allele == b"*":
            report.add("alt-star", "the * allele came with VCF 4.2", allele, column=_ALT)
        elif allele == b".":
            if n_alleles > 1:
                report.add("alt-missing-among-others", "a dot should stand alone", allele, column=_ALT)
        elif not allele:
            report.add("alt-empty", "an allele is empty", allele, column=_ALT)
        elif (symbolic := _SYMBOLIC.fullmatch(allele)) is not None:
            name = symbolic[1].decode("utf-8", "replace")
            if name != "*" and name not in self._model.alts and self._model.is_first("ALT", name):
                report.add("alt-undeclared", "the header has no ALT line for this allele", allele, column=_ALT)
        elif b"[" in allele or b"]" in allele:
            if not _BREAKEND.fullmatch(allele):
                message = "a breakend should be bases beside [contig:position[ or ]contig:position]"
                report.add("alt-breakend", message, allele, column=_ALT)
        elif _SINGLE_BREAKEND.fullmatch(allele) or _INSERTED_CONTIG.fullmatch(allele):
            return
        elif AMBIGUOUS_BASES.fullmatch(allele):
            report.add("alt-ambiguity", "bases should be A, C, G, T and N", allele, column=_ALT)
        elif allele.isalpha():
            report.add("alt-bases", "bases should be A, C, G, T and N", allele, column=_ALT)
        else:
            report.add("alt-text", "an allele should be bases, *, <ID> or a breakend", allele, column=_ALT)
