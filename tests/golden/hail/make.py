"""Ask Hail every question of the made cohorts and write its answers beside this file.

Run in the environment of Hail: .venv-hail/bin/python -m tests.golden.hail.make
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import hail as hl

from genomics_dc import hail_bridge
from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.hail import answers, cohorts

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write one TSV for each question, and what they are of."""
    hl.init(master="local[2]", quiet=True, show_progress=False, log=tempfile.mktemp(suffix=".log"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vcfs = {"quality": cohorts.quality_vcf(folder), "complete": cohorts.complete_vcf(folder)}
        tables = {}
        for kind, vcf in vcfs.items():
            build_store(vcf, folder / f"{kind}.vcz")
            tables[kind] = hail_bridge.to_hail(open_store(folder / f"{kind}.vcz"), folder / f"{kind}.mt")
        quality = tables["quality"]
        complete = answers.with_phenotypes(tables["complete"], cohorts.phenotypes())
        eigenvalues, scores = answers.pca(complete)
        found = {
            "variant_qc": answers.variant_qc(quality),
            "sample_qc": answers.sample_qc(quality),
            "king": answers.king(quality.filter_rows(hl.len(quality.alleles) == 2)),
            "linear": answers.linear(complete),
            "logistic": answers.logistic(complete),
            "pca_eigenvalues": eigenvalues,
            "pca_scores": scores,
        }
        for question, table in found.items():
            table.to_csv(HERE / f"{question}.tsv", sep="\t", index=False, na_rep="NA", lineterminator="\n")
        about = {"hail": hl.version(), "sha256": {kind: cohorts.sha256(vcf) for kind, vcf in vcfs.items()}}
        (HERE / "about.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
