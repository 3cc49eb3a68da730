"""HGVS descriptions of small variants on a transcript (c. or n.) and of the predicted protein (p.).

Source: HGVS nomenclature 21, https://hgvs-nomenclature.org: substitutions, deletions, duplications, insertions,
inversions, deletion-insertions, frameshifts, extensions, and the 3' rule. The 3' rule is applied on the genome, in the
direction of the transcript, so that a variant beside an exon border never jumps over an intron. A predicted protein
stands in parentheses. What cannot be derived from the transcript and the reference is None.
"""

from __future__ import annotations

from dataclasses import dataclass

from genomics_dc.annotation.alleles import is_sequence, trim
from genomics_dc.reference.contigs import canonical
from genomics_dc.reference.genes import Sequence, Transcript, reverse_complement, translate

_THREE_LETTERS = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu", "G": "Gly", "H": "His",
    "I": "Ile", "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser", "T": "Thr", "W": "Trp",
    "Y": "Tyr", "V": "Val", "*": "Ter",
}  # fmt: skip
_SHIFT_MAX_BASES = 20_000
NMD_BASES = 50
"""A stop this far or further before the last exon junction is expected to trigger decay (doi:10.1002/humu.23626)."""


@dataclass(frozen=True)
class Description:
    """What a variant does to one transcript; None where it cannot be derived.

    `protein_position` is the first changed residue, `termination_position` the residue number of a new stop, both
    one-based; `protein_length` counts residues without the stop. `nmd_predicted` is set only for a new stop.
    `in_tandem_repeat` is set only for in-frame insertions and deletions.
    """

    hgvs_c: str | None = None
    hgvs_p: str | None = None
    protein_position: int | None = None
    protein_length: int | None = None
    termination_position: int | None = None
    nmd_predicted: bool | None = None
    in_tandem_repeat: bool | None = None


def describe(transcript: Transcript, reference: Sequence, position: int, ref: str, alt: str) -> Description:
    """Return the description of a variant (one-based position, forward-strand alleles) on a transcript."""
    if not (is_sequence(ref) and is_sequence(alt)) or ref.upper() == alt.upper():
        return Description()
    start, deleted, inserted = trim(position - 1, ref.upper(), alt.upper())
    start, deleted, inserted = shift_three_prime(transcript, reference, start, deleted, inserted)
    hgvs_c = _coding_name(transcript, reference, start, deleted, inserted)
    if hgvs_c is None or canonical(transcript.contig) == "MT":
        return Description(hgvs_c)
    index = _cds_index(transcript, start, len(deleted))
    if index is None:
        return Description(hgvs_c)
    change = inserted if transcript.strand == 1 else reverse_complement(inserted)
    spliced = transcript.sequence(reference)
    effect = _protein_effect(transcript, spliced, index, len(deleted), change)
    repeat = None
    if len(deleted) != len(inserted) and (len(inserted) - len(deleted)) % 3 == 0 and not (deleted and inserted):
        repeat = _repeats(reference, transcript.contig, start, deleted, inserted)
    return Description(hgvs_c, *effect, in_tandem_repeat=repeat)


def shift_three_prime(
    transcript: Transcript, reference: Sequence, start: int, deleted: str, inserted: str
) -> tuple[int, str, str]:
    """Return a trimmed insertion or deletion moved to its most 3' place in the direction of the transcript.

    `start` is zero-based; an insertion stands before that base. Other changes come back as they are.
    """
    if bool(deleted) == bool(inserted):
        return start, deleted, inserted
    unit, contig = deleted or inserted, transcript.contig
    moved = 0
    if transcript.strand == 1:
        while moved < _SHIFT_MAX_BASES:
            following = reference.fetch(contig, start + len(deleted), start + len(deleted) + 1)
            if following != unit[0]:
                break
            unit, start, moved = unit[1:] + unit[0], start + 1, moved + 1
    else:
        while moved < _SHIFT_MAX_BASES and start > 0:
            before = reference.fetch(contig, start - 1, start)
            if before != unit[-1]:
                break
            unit, start, moved = unit[-1] + unit[:-1], start - 1, moved + 1
    return (start, unit, "") if deleted else (start, "", unit)


def position_name(transcript: Transcript, position: int) -> str | None:
    """Return the c. (or n.) position of a zero-based genomic base: "76", "-14", "*6", "88+1", "89-2".

    None outside the transcript, and where the numbering has no start (or, past the stop codon, no end) in this model.
    """
    offset = transcript.offset(position)
    if offset is not None:
        return _offset_name(transcript, offset)
    for (_, left_end), (right_start, _) in zip(transcript.exons, transcript.exons[1:], strict=False):
        if left_end <= position < right_start:
            before, after = left_end - 1, right_start
            from_before, from_after = position - before, after - position
            if transcript.strand == -1:
                before, after, from_before, from_after = after, before, from_after, from_before
            upstream = from_before <= from_after
            edge = transcript.offset(before if upstream else after)
            assert edge is not None
            name = _offset_name(transcript, edge)
            return None if name is None else f"{name}+{from_before}" if upstream else f"{name}-{from_after}"
    return None


def _offset_name(transcript: Transcript, offset: int) -> str | None:
    if not transcript.is_coding:
        return str(offset + 1)
    if not transcript.start_is_complete:
        return None
    first, end = transcript.cds_offsets
    if offset < first:
        return f"-{first - offset}"
    if offset >= end:
        whole = transcript.coding_bases % 3 == 0 and not transcript.tags & {"cds_end_NF", "mRNA_end_NF"}
        return f"*{offset - end + 1}" if whole else None
    return str(offset - first + 1)


def _coding_name(transcript: Transcript, reference: Sequence, start: int, deleted: str, inserted: str) -> str | None:
    forward = transcript.strand == 1
    change = inserted if forward else reverse_complement(inserted)

    def span(low: int, high: int) -> str | None:
        """Return "a" or "a_b" for the zero-based inclusive genomic bases low..high, in reading order."""
        first, last = (low, high) if forward else (high, low)
        a, b = position_name(transcript, first), position_name(transcript, last)
        if a is None or b is None:
            return None
        return a if low == high else f"{a}_{b}"

    if not deleted:
        size = len(inserted)
        copied = (start - size, start - 1) if forward else (start, start + size - 1)
        same = reference.fetch(transcript.contig, copied[0], copied[1] + 1) == inserted if copied[0] >= 0 else False
        place = span(*copied) if same else span(start - 1, start)
        text = "dup" if same else f"ins{change}"
    elif not inserted:
        place, text = span(start, start + len(deleted) - 1), "del"
    elif len(deleted) == len(inserted) == 1:
        before = deleted if forward else reverse_complement(deleted)
        place, text = span(start, start), f"{before}>{change}"
    elif len(deleted) == len(inserted) and inserted == reverse_complement(deleted):
        place, text = span(start, start + len(deleted) - 1), "inv"
    else:
        place, text = span(start, start + len(deleted) - 1), f"delins{change}"
    if place is None:
        return None
    return f"{'c' if transcript.is_coding else 'n'}.{place}{text}"


def _cds_index(transcript: Transcript, start: int, size: int) -> int | None:
    """Return the zero-based index in the coding sequence of the first changed base, None when not wholly inside it.

    For an insertion (size 0) the bases on both sides must be coding and in one exon.
    """
    if not transcript.is_coding or not transcript.start_is_complete:
        return None
    low, high = (start, start + size) if size else (start - 1, start + 1)
    if not any(left <= low and high <= right for left, right in transcript.cds):
        return None
    first = start if transcript.strand == 1 else start + size - 1
    offset = transcript.offset(first)
    assert offset is not None
    return offset - transcript.cds_offsets[0]


def _until_stop(protein: str) -> str:
    """Return a translation up to and with its first stop."""
    end = protein.find("*")
    return protein if end < 0 else protein[: end + 1]


def _protein_effect(
    transcript: Transcript, spliced: str, index: int, removed: int, change: str
) -> tuple[str | None, int | None, int | None, int | None, bool | None]:
    """Return (p. name, first changed residue, protein length, residue of a new stop, whether decay is predicted)."""
    first, end = transcript.cds_offsets
    coding = spliced[first:end]
    old = translate(coding)
    length = len(old.removesuffix("*"))
    if not old.startswith("M") or "*" in old[:-1]:
        return None, None, None, None, None
    mutated = coding[:index] + change + coding[index + removed :] + spliced[end:]
    raw = translate(mutated)
    new = _until_stop(raw)
    if index < 3 and mutated[:3] != "ATG":
        return "p.(Met1?)", 1, length, None, None
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    residue = index // 3
    if at is None:
        if len(new) != len(old):
            return None, None, length, None, None
        one_codon = removed == len(change) and (index + removed - 1) // 3 == residue and residue < len(old)
        silent = f"p.({_THREE_LETTERS[old[residue]]}{residue + 1}=)" if one_codon and old[residue] != "X" else "p.(=)"
        return silent, residue + 1, length, None, None
    frameshift = (len(change) - removed) % 3 != 0
    stop = len(new) if new.endswith("*") else None
    in_frame_stop = None
    name: str | None
    if old[at] == "*":
        name = _extension(at, new, stop)
    elif new[at] == "*":
        name, in_frame_stop = f"p.({_residue(old, at)}Ter)", stop
    elif frameshift:
        tail = f"Ter{stop - at}" if stop is not None else "Ter?"
        name, in_frame_stop = f"p.({_residue(old, at)}{_THREE_LETTERS.get(new[at], '')}fs{tail})", stop
    else:
        name, early = _in_frame(old, raw, index, removed, change)
        in_frame_stop = stop if early else None
    if name is not None and "X" in (old[at], new[at]):
        name = None
    decay = None
    if in_frame_stop is not None and old[at] != "*":
        decay = _decay_predicted(transcript, first + 3 * in_frame_stop, first + index, len(change) - removed)
    return name, at + 1, length, in_frame_stop, decay


def _residue(protein: str, index: int) -> str:
    return f"{_THREE_LETTERS.get(protein[index], 'Xaa')}{index + 1}"


def _letters(part: str) -> str | None:
    return None if "X" in part else "".join(_THREE_LETTERS[residue] for residue in part)


def _extension(at: int, new: str, stop: int | None) -> str | None:
    if at >= len(new) or new[at] not in _THREE_LETTERS:
        return None
    return f"p.(Ter{at + 1}{_THREE_LETTERS[new[at]]}ext{f'Ter{stop - 1 - at}' if stop is not None else 'Ter?'})"


def _in_frame(old: str, raw: str, index: int, removed: int, change: str) -> tuple[str | None, bool]:
    """Return the p. name of a change that keeps the frame, and whether it brings a stop inside the changed codons."""
    codon = index // 3
    old_end = codon if removed == 0 and index % 3 == 0 else (index + max(removed, 1) - 1) // 3 + 1
    new_end = old_end + (len(change) - removed) // 3
    early = -1 if "*" in old[codon:old_end] else raw[codon:new_end].find("*")
    if early >= 0:
        before, after = old[codon:old_end], raw[codon : codon + early + 1]
        offset = 0
        while offset < min(len(before), len(after)) and before[offset] == after[offset]:
            offset += 1
        return _replaced(old, codon + offset, before[offset:], after[offset:]), True
    new = raw[: len(old) + (len(change) - removed) // 3]
    shortest = min(len(old), len(new))
    head = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    tail = 0
    while tail < shortest - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    if "*" in before or "*" in after:
        return None, False
    return _replaced(old, head, before, after), False


def _replaced(old: str, at: int, before: str, after: str) -> str | None:
    """Return the p. name for residues `before`, which start at index `at` of `old`, replaced by `after`."""
    text = _letters(after)
    if text is None or "X" in before:
        return None
    if not before:
        size = len(after)
        if old[at - size : at] == after and at >= size:
            place = _residue(old, at - 1) if size == 1 else f"{_residue(old, at - size)}_{_residue(old, at - 1)}"
            return f"p.({place}dup)"
        return f"p.({_residue(old, at - 1)}_{_residue(old, at)}ins{text})"
    place = _residue(old, at) if len(before) == 1 else f"{_residue(old, at)}_{_residue(old, at + len(before) - 1)}"
    if not after:
        return f"p.({place}del)"
    if len(before) == len(after) == 1:
        return f"p.({place}{text})"
    return f"p.({place}delins{text})"


def _decay_predicted(transcript: Transcript, stop_end: int, changed_at: int, growth: int) -> bool:
    """Return whether a new stop ends NMD_BASES or more before the last exon junction of the changed transcript."""
    if not transcript.junctions:
        return False
    last = transcript.junctions[-1]
    return last + (growth if last > changed_at else 0) - stop_end >= NMD_BASES


def _repeats(reference: Sequence, contig: str, start: int, deleted: str, inserted: str) -> bool:
    """Return whether the unit of an insertion or deletion stands twice or more, side by side, in the reference."""
    unit = deleted or inserted
    size = len(unit)
    copies = 0
    at = start
    while reference.fetch(contig, at, at + size) == unit and copies < 2:
        copies, at = copies + 1, at + size
    at = start - size
    while at >= 0 and reference.fetch(contig, at, at + size) == unit and copies < 2:
        copies, at = copies + 1, at - size
    return copies >= 2
