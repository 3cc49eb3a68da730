"""What is refused of a VCF that breaks its specification, and what is mended when the user asks for lenience.

The validator's rules are the judge: the header is held against all of them, and so is every record that the fast
readers found suspicious. An error is refused unless the rule says why it may be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import problems as bits
from genomics_dc.store.validate import Finding, HeaderModel, check_header, check_record, read_header
from genomics_dc.store.vcf.header import N_FIXED_COLUMNS, VcfHeader
from genomics_dc.store.vcf.problems import sentence
from genomics_dc.store.vcf.source import SAMPLES, TextBatch

_MENDABLE = (
    bits.QUALITY_NOT_A_NUMBER
    | bits.UNKNOWN_INFO_KEY
    | bits.EMPTY_INFO_KEY
    | bits.REPEATED_INFO_KEY
    | bits.NOT_A_NUMBER
    | bits.OUT_OF_RANGE
    | bits.EMPTY_VALUE
    | bits.NOT_ONE_CHARACTER
    | bits.FLAG_WITH_VALUE
)
_HOW = {
    bits.QUALITY_NOT_A_NUMBER: "QUAL is read as missing",
    bits.UNKNOWN_INFO_KEY: "INFO keys that the header lacks are left out",
    bits.EMPTY_INFO_KEY: "empty INFO keys are left out",
    bits.REPEATED_INFO_KEY: "of an INFO key that comes twice the first is kept",
    bits.NOT_A_NUMBER: "values that are no numbers are read as missing",
    bits.OUT_OF_RANGE: "numbers past their type are read as missing",
    bits.EMPTY_VALUE: "empty values are read as missing",
    bits.NOT_ONE_CHARACTER: "values of several characters are kept whole",
    bits.FLAG_WITH_VALUE: "values of flags are left out",
}


@dataclass
class Mended:
    """What was mended: how, how often, and where first. Parts of a file are joined in their order."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, how: str, where: str, count: int = 1) -> None:
        """Count one more."""
        self.counts[how] = self.counts.get(how, 0) + count
        self.first.setdefault(how, where)

    def join(self, later: Mended) -> None:
        """Take what was mended after this."""
        for how, count in later.counts.items():
            self.add(how, later.first[how], count)

    def sentences(self) -> Iterator[str]:
        """Yield one sentence for each kind."""
        for how, count in self.counts.items():
            times = "once" if count == 1 else f"{count:,} times"
            yield f"{how} ({times}, first at {self.first[how]})"


def check_headers(headers: list[tuple[Path, VcfHeader]], *, lenient: bool) -> Mended:
    """Hold headers against the rules; raise InputError for the first error that is not kept, unless `lenient`."""
    mended = Mended()
    for path, header in headers:
        for finding in check_header(header.text.encode(), path):
            if _is_refused(finding):
                if not lenient:
                    raise InputError(f"{path}, {finding}")
                mended.add(f"stored as it is: {finding.rule}", f"{path}, line {finding.line}")
    return mended


def _is_refused(finding: Finding) -> bool:
    return finding.is_error and finding.kept is None


class RecordJudge:
    """Decides about records that a reader found wrong or suspicious; one for each thread."""

    def __init__(self, header: VcfHeader, *, lenient: bool) -> None:
        self._header = header
        self._lenient = lenient
        self._model: HeaderModel | None = None

    def first_error(
        self, found: npt.NDArray[np.int64], batch: TextBatch, mended: Mended, *, key: str = ""
    ) -> tuple[int, str] | None:
        """Return row and sentence of the first record that is refused, or None; what is mended is counted.

        `found` int64[V] has bits of `kernels.vcf.problems`; `key` is the INFO field, for bits of values.
        """
        for row in np.flatnonzero(found).tolist():
            problem = int(found[row])
            wrong = problem & ~bits.SUSPECT
            if wrong and not (self._lenient and not wrong & ~_MENDABLE):
                return row, sentence(wrong, batch, row, self._header, key=key)
            if wrong:
                for bit, how in _HOW.items():
                    if wrong & bit:
                        mended.add(how, batch.where(row))
            elif problem and not self._lenient:
                refused = self._refused(batch, row)
                if refused is not None:
                    return row, f"{batch.where(row)}: {refused.message}" + (
                        f" [{refused.text}]" if refused.text else ""
                    )
        return None

    def _refused(self, batch: TextBatch, row: int) -> Finding | None:
        """Return the first error in the site columns of a record that the rules do not keep."""
        if self._model is None:
            lines = self._header.text.rstrip("\n").split("\n")
            columns = "\t".join(lines[-1].split("\t")[:N_FIXED_COLUMNS])
            self._model = read_header("\n".join([*lines[:-1], columns, ""]).encode())[0]
        end = min(int(batch.line_end[row]), int(batch.columns[row, SAMPLES - 1]) - 1)
        line = bytes(batch.data[int(batch.line_start[row]) : end])
        found = check_record(line, batch.first_line + row, self._model)
        return next((finding for finding in found if _is_refused(finding)), None)
