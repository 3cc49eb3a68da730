"""What differs between two VCF records, in words."""

from __future__ import annotations

from collections.abc import Sequence

# Whole numbers of up to this many digits are held exactly; longer ones may have been a Float, printed with six digits.
_EXACT_DIGITS = 7
_N_SITE_COLUMNS = 9


def differences(first: str, second: str, sample_ids: Sequence[str]) -> list[str]:
    """Return in words what differs between two VCF records, or nothing.

    Not differences: the order of INFO keys, FORMAT keys and FILTERs, and a key whose values are all missing against a
    key that is absent. Floats agree when they agree to six significant digits, which is what htslib prints.
    """
    if first == second:
        return []
    a, b = first.split("\t"), second.split("\t")
    found = []
    for name, x, y in zip(("CHROM", "POS", "ID", "REF", "ALT"), a, b, strict=False):
        if x != y:
            found.append(f"{name} {x} and {y}")
    if not _same_value(a[5], b[5]):
        found.append(f"QUAL {a[5]} and {b[5]}")
    if set(a[6].split(";")) != set(b[6].split(";")):
        found.append(f"FILTER {a[6]} and {b[6]}")
    info_a, info_b = _info(a[7]), _info(b[7])
    for key in sorted(info_a.keys() | info_b.keys()):
        x, y = info_a.get(key, "."), info_b.get(key, ".")
        if not _same_value(x, y):
            found.append(f"INFO/{key} {x} and {y}")
    if a[8:] == b[8:]:
        return found
    if len(a) <= _N_SITE_COLUMNS and len(b) <= _N_SITE_COLUMNS:
        return found  # a FORMAT without samples says nothing
    if len(a) != len(b):
        found.append(f"{max(len(a) - _N_SITE_COLUMNS, 0)} and {max(len(b) - _N_SITE_COLUMNS, 0)} samples")
        return found
    keys_a, keys_b = a[8].split(":"), b[8].split(":")
    for sample, x, y in zip(sample_ids, a[9:], b[9:], strict=True):
        if x == y and keys_a == keys_b:
            continue
        call_a, call_b = dict(zip(keys_a, x.split(":"), strict=False)), dict(zip(keys_b, y.split(":"), strict=False))
        for key in dict.fromkeys([*keys_a, *keys_b]):
            value_a, value_b = call_a.get(key, "."), call_b.get(key, ".")
            if not _same_value(value_a, value_b, genotype=key == "GT"):
                found.append(f"FORMAT/{key} of sample {sample}")  # never a person's genotype
    return found


def _info(text: str) -> dict[str, str]:
    if text == ".":
        return {}
    parts = (item.partition("=") for item in text.split(";") if item)
    return {key: value if equals else "1" for key, equals, value in parts}


def _same_value(a: str, b: str, *, genotype: bool = False) -> bool:
    if a == b:
        return True
    if genotype:
        # a record without GT and one whose calls are all missing are the same array
        return "." in (a, b) and not a.strip("./|") and not b.strip("./|")
    if not a.strip(".,") and not b.strip(".,"):
        return True
    parts_a, parts_b = a.split(","), b.split(",")
    return len(parts_a) == len(parts_b) and all(map(_same_number, parts_a, parts_b))


def _same_number(a: str, b: str) -> bool:
    if a == b:
        return True
    if len(a.strip("+-0")) <= _EXACT_DIGITS and a.lstrip("+-").isdigit() and b.lstrip("+-").isdigit():
        return int(a) == int(b)
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    if x != x or y != y:
        return x != x and y != y
    return abs(x - y) <= 1.001e-5 * max(abs(x), abs(y))
