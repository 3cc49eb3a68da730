"""Association rows as PLINK 2 writes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


def plink2_lines(table: pa.Table, model: str, n_tests: int = 1) -> Iterator[str]:
    """Yield header and rows of one trait as PLINK 2 `--glm` writes them, numbers to 6 digits.

    `table` has the rows of an AssociationResult, one test after another; here a variant's tests stand together.
    """
    mixed = model in ("logistic", "spa")
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "A1", *(["FIRTH?"] if mixed else []), "TEST", "OBS_CT"]
    columns += ["BETA", "SE", "T_STAT", "P"] if model == "linear" else ["OR", "LOG(OR)_SE", "Z_STAT", "P"]
    yield "\t".join([*columns, "ERRCODE"]) + "\n"
    beta, error, strength = (
        np.asarray(table[name].to_numpy(), dtype=np.float64)
        for name in ("beta", "standard_error", "neg_log_10_p_value")
    )
    text = {
        name: table[name].cast(pa.string()).to_pylist()
        for name in ("chromosome", "variant_id", "other_allele", "effect_allele", "test", "status", "n")
    }
    places = table["base_pair_location"].to_pylist()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = beta / error
        shown = beta if model == "linear" else np.exp(beta)
    n_variants = table.num_rows // n_tests
    for row in np.arange(table.num_rows).reshape(n_tests, n_variants).T.ravel().tolist():
        firth = text["status"][row] == "firth"
        alt = text["effect_allele"][row] or "."
        tested = not np.isnan(strength[row])
        test = "ADD" if text["test"][row] == "FIRTH" else text["test"][row]
        cells = [
            text["chromosome"][row],
            str(places[row]),
            text["variant_id"][row],
            text["other_allele"][row],
            alt,
            alt,
        ]
        cells += [("Y" if firth else "N")] if mixed else []
        cells += [test, text["n"][row]]
        cells += [_digits(shown[row]), _digits(error[row]), _digits(ratio[row]), _p_text(strength[row])]
        yield "\t".join([*cells, "." if tested else text["status"][row].upper()]) + "\n"


def _digits(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:.6g}"


def _p_text(strength: float) -> str:
    """Return p to 6 digits from -log10 p, also where p is too small for a float."""
    if np.isnan(strength):
        return "NA"
    if np.isinf(strength):
        return "0"
    if strength < 300:
        return f"{10.0**-strength:.6g}"
    exponent = int(np.ceil(strength))
    mantissa = 10.0 ** (exponent - strength)
    return f"{mantissa:.6g}e-{exponent}"
