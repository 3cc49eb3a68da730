"""What can be wrong with a record, as bits: kernels never raise because of the text, they set a bit and go on.

One int64 for each record. `SUSPECT` bits are not errors by themselves: they send a line to the validator's rules.
Where a value is wrong, it is read as missing.
"""

from __future__ import annotations

from typing import Final

# the line
EMPTY_LINE: Final = 1 << 0
FEW_COLUMNS: Final = 1 << 1
MANY_COLUMNS: Final = 1 << 2
# CHROM to FILTER
UNKNOWN_CONTIG: Final = 1 << 4
POSITION_NOT_A_NUMBER: Final = 1 << 5
POSITION_TOO_LARGE: Final = 1 << 6
QUALITY_NOT_A_NUMBER: Final = 1 << 7
UNKNOWN_FILTER: Final = 1 << 8
# INFO
UNKNOWN_INFO_KEY: Final = 1 << 12
EMPTY_INFO_KEY: Final = 1 << 13
REPEATED_INFO_KEY: Final = 1 << 14
# a value of an INFO field
NOT_A_NUMBER: Final = 1 << 20
OUT_OF_RANGE: Final = 1 << 21
EMPTY_VALUE: Final = 1 << 22
NOT_ONE_CHARACTER: Final = 1 << 23
FLAG_WITH_VALUE: Final = 1 << 24
WRONG_NUMBER: Final = 1 << 25
# allowed by the format, but seldom meant
SUSPECT_ID: Final = 1 << 32
SUSPECT_REF: Final = 1 << 33
SUSPECT_ALT: Final = 1 << 34
SUSPECT_QUALITY: Final = 1 << 35
SUSPECT_FILTER: Final = 1 << 36
SUSPECT_POSITION: Final = 1 << 37

SUSPECT: Final = SUSPECT_ID | SUSPECT_REF | SUSPECT_ALT | SUSPECT_QUALITY | SUSPECT_FILTER | SUSPECT_POSITION
"""SUSPECT_ID: empty, or white space in it. SUSPECT_REF: empty or a letter that is none of ACGTN. SUSPECT_ALT: an
allele that is none of bases ACGTN, `*`, `<...>` or a breakend, or comes twice. SUSPECT_QUALITY: negative, NaN or
infinite. SUSPECT_FILTER: empty, a name twice, or PASS or `0` beside others. SUSPECT_POSITION: a sign, leading zeros."""
