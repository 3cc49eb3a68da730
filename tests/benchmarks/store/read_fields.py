"""Write GT:AD:DP:GQ:PL for a cohort that has GT only, as a caller would from reads: the cohort F of the benchmarks.

    python tests/benchmarks/store/read_fields.py S.vcf.gz F.vcf.gz --samples 500 --variants 50000

Depth is Poisson with mean 30, an ALT read comes with chance 0.01, 0.5 or 0.99 by genotype, PL is the binomial
likelihood of these three chances (rounded, least subtracted), GT its best, GQ the second best, at most 99. Depth 0 is
no call. The same seed gives the same file.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
from math import log10
from pathlib import Path

import numpy as np

CHANCE = np.array([0.01, 0.5, 0.99])
MEAN_DEPTH = 30
HEADER = """\
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods">
"""


class CallTexts(dict[tuple[int, int], str]):
    """The text of a call with so many REF and ALT reads; each is made once."""

    def __missing__(self, reads: tuple[int, int]) -> str:
        ref, alt = reads
        if ref + alt == 0:
            text = "./.:0,0:0:.:."
        else:
            likelihood = [-10 * (ref * log10(1 - chance) + alt * log10(chance)) for chance in CHANCE]
            least = min(likelihood)
            phred = [round(value - least) for value in likelihood]
            quality = min(99, sorted(phred)[1])
            genotype = ("0/0", "0/1", "1/1")[phred.index(0)]
            text = f"{genotype}:{ref},{alt}:{ref + alt}:{quality}:{','.join(map(str, phred))}"
        self[reads] = text
        return text


def main() -> None:
    """Read the cohort, write its richer twin, bgzipped and indexed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--variants", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    texts = CallTexts()
    with gzip.open(options.source, "rt") as lines, open(options.output, "wb") as sink:
        pack = subprocess.Popen(["bgzip", "-c"], stdin=subprocess.PIPE, stdout=sink, text=True)
        assert pack.stdin is not None
        written = 0
        for line in lines:
            if line.startswith("##"):
                pack.stdin.write(line)
            elif line.startswith("#"):
                pack.stdin.write(HEADER + "\t".join(line.rstrip("\n").split("\t")[: 9 + options.samples]) + "\n")
            else:
                fields = line.split("\t", 9)
                calls = fields[9].split("\t", options.samples)[: options.samples]
                copies = np.array([call.count("1") for call in calls])
                depth = random.poisson(MEAN_DEPTH, options.samples)
                alt = random.binomial(depth, CHANCE[copies])
                told = map(texts.__getitem__, zip((depth - alt).tolist(), alt.tolist(), strict=True))
                pack.stdin.write("\t".join([*fields[:8], "GT:AD:DP:GQ:PL", *told]) + "\n")
                written += 1
                if written == options.variants:
                    break
        pack.stdin.close()
        if pack.wait():
            raise RuntimeError("bgzip failed")
    subprocess.run(["bcftools", "index", "-f", options.output], check=True)


if __name__ == "__main__":
    main()
