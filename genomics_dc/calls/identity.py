"""Is each sample who the sheet says? Sex, kinship against the pedigree, the same person twice, contamination.

Asked of the per-sample gVCFs before samples are called together. A finding does not stop a run; it blocks the report of
every sample it names, until the configuration accepts it by check and samples with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genomics_dc.calls.reference_proof import EvidenceReader, is_proven
from genomics_dc.config import RunConfig, Sample
from genomics_dc.errors import InputError
from genomics_dc.files import write_text
from genomics_dc.kernels import kinship
from genomics_dc.reference import contigs

Status = Literal["pass", "finding", "accepted", "not_assessable"]
CheckName = Literal["sex", "kinship", "duplicate", "contamination"]

# Manichaikul et al. 2010 (Bioinformatics 26:2867), table 1: first degree lies in 2**-2.5 .. 2**-1.5.
KINSHIP_FIRST_DEGREE_MIN = 2**-2.5
KINSHIP_DUPLICATE_MIN = 2**-1.5
# A gVCF holds likelihoods without a prior. One site in a thousand differs between two human chromosomes (1000 Genomes
# Project, Nature 2015, 526:68): 30 phred that a variant has to make up for; without it, errors at low depth look
# like heterozygous sites out of balance.
_VARIANT_PRIOR_PHRED = 30


@dataclass(frozen=True)
class Check:
    """One question about one sample, or about two, and its answer."""

    check: CheckName
    samples: tuple[str, ...]
    status: Status
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `sample` stands beside `samples` where there is one."""
        alone = {"sample": self.samples[0]} if len(self.samples) == 1 else {}
        return {
            "check": self.check,
            **alone,
            "samples": list(self.samples),
            "status": self.status,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class VariantCall:
    """What one sample's reads say at a single-base variant site: dosage of ALT, reads for REF and ALT."""

    dosage: int
    reference_reads: int
    alternative_reads: int


SiteKey = tuple[str, int, str, str]


def check_run(run: RunConfig, directory: Path) -> list[Check]:
    """Return every check of a run, from `gvcf/` and `reads/qc/` of its output folder, accepted ones marked."""
    settings = run.settings["identity"]
    gvcfs = {name: directory / "gvcf" / f"{name}.g.vcf.gz" for name in run.samples}
    depths = {name: contig_depths(directory / "reads" / "qc" / f"{name}.depth.tsv") for name in run.samples}
    checks = [check_sex(sample, depths[sample.name], settings) for sample in run.samples.values()]
    calls = {name: variant_calls(path, settings) for name, path in gvcfs.items()}
    checks += [check_contamination(name, own.values(), settings) for name, own in calls.items()]
    dosage = shared_dosage(calls, gvcfs, settings)
    checks += check_relations(run.samples, dosage, settings)
    return [accept(check, settings["accept"]) for check in checks]


def accept(check: Check, accepted: Sequence[Mapping[str, Any]]) -> Check:
    """Return the check, as "accepted" with the reason when it is a finding that the configuration accepts by name."""
    if check.status == "finding":
        for entry in accepted:
            if entry["check"] == check.check and set(entry["samples"]) == set(check.samples):
                detail = f"{check.detail}; accepted: {entry['reason']}"
                return Check(check.check, check.samples, "accepted", detail)
    return check


def write_checks(checks: Sequence[Check], output: Path, *, force: bool = False) -> None:
    """Write the checks as a JSON list, one check a line."""
    lines = ",\n".join("  " + json.dumps(check.to_dict(), ensure_ascii=False) for check in checks)
    write_text(output, f"[\n{lines}\n]\n", force=force)


def write_multiqc_table(identity: Path, output: Path, *, force: bool = False) -> None:
    """Write the checks of an identity file as MultiQC custom content."""
    checks = json.loads(identity.read_text(encoding="utf-8"))
    rows = {
        f"{check['check']} {' + '.join(check['samples'])}": {"status": check["status"], "detail": check["detail"]}
        for check in checks
    }
    section = {
        "id": "genomics_dc_identity",
        "section_name": "Identity",
        "description": "Is each sample who the sheet says? A finding blocks the sample's report until it is accepted.",
        "plot_type": "table",
        "pconfig": {"id": "genomics_dc_identity_table", "title": "Identity: checks", "col1_header": "Check"},
        "headers": {"status": {"title": "Status"}, "detail": {"title": "What the reads say"}},
        "data": rows,
    }
    write_text(output, json.dumps(section, indent=1, ensure_ascii=False) + "\n", force=force)


def blocking_sentences(findings: Path) -> list[str]:
    """Return what blocks the report of a findings file: its identity findings that nobody has accepted."""
    try:
        content = json.loads(findings.read_text(encoding="utf-8"))
        checks, sample = content["identity"], content["sample_id"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{findings} is not the findings of one sample, as `genomics-dc screen` writes them") from None
    return [
        f"No report of sample {sample}: {check['check']}: {check['detail']}. "
        "Find the cause, or accept it under identity.accept in the run's configuration."
        for check in checks
        if check["status"] == "finding"
    ]


# --- sex --------------------------------------------------------------------------------------------------------------


def contig_depths(path: Path) -> dict[str, tuple[int, int]]:
    """Return contig to (bases, summed depth in reads) from the text of samtools bedcov."""
    sums: dict[str, tuple[int, int]] = {}
    for line in path.read_text().splitlines():
        contig, start, end, depth = line.split("\t")[:4]
        bases, total = sums.get(contig, (0, 0))
        sums[contig] = (bases + int(end) - int(start), total + int(depth))
    return sums


def check_sex(sample: Sample, depths: Mapping[str, tuple[int, int]], settings: Mapping[str, Any]) -> Check:
    """Compare the declared sex with the depth of X and Y relative to the autosomes."""
    sums = {"autosome": (0, 0), "X": (0, 0), "Y": (0, 0)}
    for contig, (bases, total) in depths.items():
        name = contigs.canonical(contig)
        kind = name if name in ("X", "Y") else "autosome" if name.isdigit() else None
        if kind:
            sums[kind] = (sums[kind][0] + bases, sums[kind][1] + total)
    means = {kind: total / bases for kind, (bases, total) in sums.items() if bases > 0}
    declared = f"declared {sample.sex}" if sample.sex else "not declared"
    if "X" not in means or not means.get("autosome"):
        missing = [kind for kind in ("autosome", "X", "Y") if kind not in means]
        detail = (
            f"{declared}; not assessable: {' and '.join(missing) or 'reads on autosomes'} not in the called regions"
        )
        return Check("sex", (sample.name,), "not_assessable", detail)
    x_ratio = means["X"] / means["autosome"]
    y_ratio = means["Y"] / means["autosome"] if "Y" in means else None
    has_y = None if y_ratio is None else y_ratio >= settings["sex_y_ratio_male_min"]
    seen = "unclear"
    if x_ratio <= settings["sex_x_ratio_male_max"] and has_y is not False:
        seen = "male"
    elif x_ratio >= settings["sex_x_ratio_female_min"] and not has_y:
        seen = "female"
    y_text = "Y not called" if y_ratio is None else f"Y {y_ratio:.2f}"
    detail = f"{declared}; depth relative to autosomes: X {x_ratio:.2f}, {y_text}: {seen}"
    agrees = seen == sample.sex or (sample.sex is None and seen != "unclear")
    return Check("sex", (sample.name,), "pass" if agrees else "finding", detail)


# --- genotypes from gVCFs ---------------------------------------------------------------------------------------------


def variant_calls(gvcf: Path, settings: Mapping[str, Any]) -> dict[SiteKey, VariantCall]:
    """Return the single-base sites where one sample's likelihoods put a genotype with ALT first, clearly."""
    import cyvcf2

    calls: dict[SiteKey, VariantCall] = {}
    for record in cyvcf2.VCF(str(gvcf)):
        alts = record.ALT
        if alts == ["<*>"] or not alts or record.INFO.get("INDEL") is not None or len(record.REF) != 1:
            continue
        likelihoods = record.format("PL")
        reads = record.format("AD")
        if likelihoods is None or reads is None:
            continue
        row = np.asarray(likelihoods[0])
        order = np.argsort(row, kind="stable")
        if row[order[0]] < 0 or row[0] - row[order[0]] < settings["quality_min"] + _VARIANT_PRIOR_PHRED:
            continue
        if row[order[1]] - row[order[0]] < settings["quality_min"]:
            continue
        first, second = _genotype_of_index(int(order[0]))
        allele = max(first, second)
        if allele == 0 or min(first, second) not in (0, allele) or alts[allele - 1] not in ("A", "C", "G", "T"):
            continue
        reference_reads, alternative_reads = int(reads[0][0]), int(reads[0][allele])
        if reference_reads + alternative_reads < settings["depth_min_reads"]:
            continue
        key = (record.CHROM, record.start, record.REF, alts[allele - 1])
        calls[key] = VariantCall(1 if first != second else 2, reference_reads, alternative_reads)
    return calls


def _genotype_of_index(index: int) -> tuple[int, int]:
    """Return the alleles (low, high) of a position in VCF's PL order, where (j, k) stands at k * (k + 1) / 2 + j."""
    high = 0
    while (high + 1) * (high + 2) // 2 <= index:
        high += 1
    return index - high * (high + 1) // 2, high


def shared_dosage(
    calls: Mapping[str, Mapping[SiteKey, VariantCall]], gvcfs: Mapping[str, Path], settings: Mapping[str, Any]
) -> npt.NDArray[np.int8]:
    """Return dosage int8[V, S] at every site that any sample varies at; 0 only where proven, -1 missing."""
    import cyvcf2

    first = next(iter(gvcfs.values()))
    rank = {contig: number for number, contig in enumerate(cyvcf2.VCF(str(first)).seqnames)}
    sites = sorted({key for own in calls.values() for key in own}, key=lambda key: (rank[key[0]], *key[1:]))
    # A site where two samples carry different ALT alleles is no biallelic site: left out.
    places: dict[tuple[str, int], int] = {}
    for contig, position, _, _ in sites:
        places[contig, position] = places.get((contig, position), 0) + 1
    sites = [key for key in sites if places[key[0], key[1]] == 1]
    dosage = np.full((len(sites), len(gvcfs)), -1, dtype=np.int8)
    for column, (name, path) in enumerate(gvcfs.items()):
        evidence = EvidenceReader(path)
        for row, key in enumerate(sites):
            pieces = evidence.covering(key[0], key[1], key[1] + 1)
            if key in calls[name]:
                dosage[row, column] = calls[name][key].dosage
            elif is_proven(
                pieces,
                key[1],
                key[1] + 1,
                is_indel=False,
                depth_min_reads=settings["depth_min_reads"],
                quality_min=settings["quality_min"],
            ):
                dosage[row, column] = 0
    return dosage


# --- contamination ----------------------------------------------------------------------------------------------------


def check_contamination(name: str, calls: Iterable[VariantCall], settings: Mapping[str, Any]) -> Check:
    """Look for a second person's reads: at homozygous sites, and as heterozygous sites out of balance."""
    own = list(calls)
    if len(own) < settings["sites_min"]:
        detail = f"not assessable: {len(own)} variant sites with enough reads, {settings['sites_min']} are needed"
        return Check("contamination", (name,), "not_assessable", detail)
    homozygous = [call for call in own if call.dosage == 2]
    depth = sum(call.reference_reads + call.alternative_reads for call in homozygous)
    other = sum(call.reference_reads for call in homozygous) / depth if depth else 0.0
    balances = [
        call.alternative_reads / (call.reference_reads + call.alternative_reads) for call in own if call.dosage == 1
    ]
    balance = float(np.median(balances)) if balances else None
    problems = []
    if other > settings["contamination_max"]:
        problems.append(f"{other:.1%} of the reads at homozygous sites are of the other allele")
    if balance is not None and balance < settings["heterozygous_balance_min"]:
        problems.append(f"the median share of ALT reads at heterozygous sites is {balance:.2f}")
    seen = f"{len(homozygous)} homozygous sites with {other:.1%} other reads, {len(balances)} heterozygous sites"
    seen += f" with median ALT share {balance:.2f}" if balance is not None else ""
    detail = f"{' and '.join(problems)} ({seen})" if problems else seen
    return Check("contamination", (name,), "finding" if problems else "pass", detail)


# --- kinship and duplicates -------------------------------------------------------------------------------------------


def check_relations(
    samples: Mapping[str, Sample], dosage: npt.NDArray[np.int8], settings: Mapping[str, Any]
) -> list[Check]:
    """Return the checks of all pairs: duplicates, declared parents, undeclared first-degree relatives.

    `dosage` int8[V, S] in the order of `samples`. A pair that says nothing unexpected is told per sample, not per pair.
    """
    names = list(samples)
    checks: list[Check] = []
    quiet: dict[str, dict[CheckName, list[int]]] = {name: {"duplicate": [], "kinship": []} for name in names}
    counts, coefficients = kinship.king_robust(dosage)
    later, earlier = kinship.pair_index(len(names))
    for pair, (second, first) in enumerate(zip(later, earlier, strict=True)):
        one, two = names[first], names[second]
        _, ibs0, het_hom, hom_het, n = (int(value) for value in counts[:, pair])
        concordance = (n - ibs0 - het_hom - hom_het) / n if n else 0.0
        declared = _declared(samples[one], samples[two])
        if n >= settings["sites_min"] and concordance >= settings["duplicate_concordance_min"]:
            same = f"the same genotype at {concordance:.1%} of {n} variant sites"
            detail = f"{one} and {two} have {same}: the same person twice?"
            checks.append(Check("duplicate", _in_order(one, two, samples), "finding", detail))
            if declared is None:
                continue
        else:
            for name in (one, two):
                quiet[name]["duplicate"].append(n)
        if declared is not None:
            checks.append(_check_parent(declared, n, ibs0, float(coefficients[pair]), settings))
        elif n >= settings["kinship_sites_min"] and coefficients[pair] >= KINSHIP_FIRST_DEGREE_MIN:
            if not _share_a_parent(samples[one], samples[two]):
                likeness = f"kinship {coefficients[pair]:.2f} at {n} sites"
                detail = f"{one} and {two} are first-degree relatives ({likeness}), which the sheet does not say"
                checks.append(Check("kinship", (one, two), "finding", detail))
        else:
            for name in (one, two):
                quiet[name]["kinship"].append(n)
    for name in names:
        minima: dict[CheckName, int] = {"duplicate": settings["sites_min"], "kinship": settings["kinship_sites_min"]}
        for check, minimum in minima.items():
            compared = quiet[name][check]
            checks += _quiet_check(name, check, compared, minimum)
    return checks


def _in_order(one: str, two: str, samples: Mapping[str, Sample]) -> tuple[str, ...]:
    return tuple(name for name in samples if name in (one, two))


def _declared(one: Sample, two: Sample) -> tuple[str, str, str] | None:
    """Return (child, role, parent) when the sheet declares one of the two as the other's parent."""
    for child, parent in ((one, two), (two, one)):
        for role, name in (("father", child.father), ("mother", child.mother)):
            if name == parent.name:
                return child.name, role, parent.name
    return None


def _share_a_parent(one: Sample, two: Sample) -> bool:
    return bool({one.father, one.mother} & {two.father, two.mother} - {None})


def _check_parent(
    declared: tuple[str, str, str], n: int, ibs0: int, coefficient: float, settings: Mapping[str, Any]
) -> Check:
    """Judge a declared parent: a child and its parent are never opposite homozygotes but by error."""
    child, role, parent = declared
    pair = (child, parent)
    told = f"{parent} as {role} of {child}"
    if n < settings["sites_min"]:
        detail = f"{told}: not assessable, {n} shared variant sites, {settings['sites_min']} are needed"
        return Check("kinship", pair, "not_assessable", detail)
    many = n >= settings["kinship_sites_min"]
    text = f"{ibs0} of {n} variant sites are opposite homozygotes"
    text += f", kinship {coefficient:.2f}" if many else ""
    impossible = ibs0 >= 2 and ibs0 / n > settings["parent_opposite_homozygotes_max"]
    if impossible or (many and not KINSHIP_FIRST_DEGREE_MIN <= coefficient < KINSHIP_DUPLICATE_MIN):
        return Check("kinship", pair, "finding", f"{told} does not fit the reads: {text}")
    if not many:
        # Few sites can contradict a parent, but in a short region strangers share haplotypes, too: no confirmation.
        minimum = settings["kinship_sites_min"]
        detail = f"{told}: not contradicted ({text}), but not confirmed either: {minimum} sites are needed"
        return Check("kinship", pair, "not_assessable", detail)
    return Check("kinship", pair, "pass", f"{told} fits: {text}")


def _quiet_check(name: str, check: CheckName, compared: Sequence[int], minimum: int) -> list[Check]:
    """Return the one line that tells with how many others a sample was compared, and where that was too little."""
    if not compared:
        return []
    enough = [n for n in compared if n >= minimum]
    question = "the same person" if check == "duplicate" else "an undeclared first-degree relative"
    if not enough:
        detail = f"{question}: not assessable, at most {max(compared)} shared variant sites, {minimum} are needed"
        return [Check(check, (name,), "not_assessable", detail)]
    detail = (
        f"not {question} as any of {len(enough)} other samples"
        if check == "duplicate"
        else (f"no {question.removeprefix('an ')} among {len(enough)} other samples")
    )
    if len(enough) < len(compared):
        detail += (
            f"; {len(compared) - len(enough)} more could not be compared (fewer than {minimum} shared variant sites)"
        )
    return [Check(check, (name,), "pass", detail)]
