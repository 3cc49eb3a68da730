"""Why a variant has, or has not, an estimate: one code for all association kernels."""

from __future__ import annotations

OK = 0
FIRTH = 1
SEPARATED = 2
NOT_CONVERGED = 3
MONOMORPHIC = 4
TOO_FEW = 5
COLLINEAR = 6
EXACT_FIT = 7
SCORE = 8
FILTERED = 9
SPA = 10

STATUS_NAMES = (
    "ok",
    "firth",
    "separated",
    "not_converged",
    "monomorphic",
    "too_few",
    "collinear",
    "exact_fit",
    "score",
    "filtered",
    "spa",
)
