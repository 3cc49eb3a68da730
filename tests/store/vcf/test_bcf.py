import gzip
import random
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.bcf import write_float_whole
from genomics_dc.kernels.vcf.numbers import read_float
from genomics_dc.store.vcf import bcf as module
from genomics_dc.store.vcf.source import VcfSource
from tests.store.vcf.builders import bgzf, header

pytestmark = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools writes the BCF")

DECLARATIONS = [
    '##FILTER=<ID=q10,Description="x">',
    '##INFO=<ID=I,Number=.,Type=Integer,Description="x, y">',
    '##INFO=<ID=F,Number=.,Type=Float,Description="x">',
    '##INFO=<ID=S,Number=.,Type=String,Description="x">',
    '##INFO=<ID=FLAG,Number=0,Type=Flag,Description="x">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
    '##FORMAT=<ID=I,Number=.,Type=Integer,Description="x">',
    '##FORMAT=<ID=FF,Number=.,Type=Float,Description="x">',
    '##FORMAT=<ID=SS,Number=1,Type=String,Description="x">',
    '##FILTER=<ID=late,Description="x">',
]


def run(*arguments, **options):
    return subprocess.run(["bcftools", *map(str, arguments)], check=True, capture_output=True, **options).stdout


def bcf_of(folder, records, samples, *, form="-Ob"):
    vcf = folder / "in.vcf"
    vcf.write_text(header(samples, DECLARATIONS) + "".join("\t".join(record) + "\n" for record in records))
    bcf = folder / "in.bcf"
    bcf.write_bytes(run("view", "--no-version", form, vcf))
    return bcf


def lines_of(path, n_rows=50, **options):
    return [batch.text(row) for batch in VcfSource(path).batches(n_rows, **options) for row in range(len(batch))]


def random_records(generator, n, n_samples):
    def several(make, most=4):
        return ",".join(make() for _ in range(generator.randint(1, most)))

    def integer():
        return generator.choice(
            [".", "0", "-5", "-120", "127", "-121", "128", "32767", "-32760", "40000", "2147483647"]
        )

    def real():
        return generator.choice([".", "0", "-0.5", "1e-10", "12345.6", "3.25e+20", "inf", "nan", "100000", "1e+06"])

    def word():
        return generator.choice([".", "a", "long" * 10, "é|x", "with space"])

    def genotype():
        ploidy = generator.choice([1, 2, 2, 2, 3])
        alleles = [generator.choice([".", "0", "1", "1"]) for _ in range(ploidy)]
        return "".join(f"{generator.choice('/|')}{allele}" for allele in alleles)[1:]

    records = []
    for number in range(n):
        info = [f"I={several(integer, 20)}", f"F={several(real)}", f"S={several(word)}", "FLAG"]
        keys = ["GT", "I", "FF", "SS"][generator.randint(0, 1) :]
        make = {"GT": genotype, "I": lambda: several(integer), "FF": lambda: several(real), "SS": word}
        record = [
            generator.choice(["1", "2", "X"]),
            str(number * 1000 + 1),
            generator.choice([".", "rs5;x"]),
            generator.choice(["A", "ACGT" * 9]),
            generator.choice([".", "C", "C,<DEL>,*", "G" * 300]),
            generator.choice([".", "0", "50", "0.25", "1e+06"]),
            generator.choice([".", "PASS", "q10", "q10;late"]),
            ";".join(generator.sample(info, generator.randint(0, 4))) or ".",
        ]
        if n_samples:
            record += [":".join(keys), *(":".join(make[key]() for key in keys) for _ in range(n_samples))]
        records.append(record)
    return records


@pytest.mark.parametrize("n_samples", [0, 1, 7])
def test_every_kind_of_value_is_as_bcftools_prints_it(tmp_path, n_samples):
    samples = tuple(f"S{number}" for number in range(n_samples))
    bcf = bcf_of(tmp_path, random_records(random.Random(n_samples), 400, n_samples), samples)
    shown = [line for line in run("view", "-H", bcf).decode().splitlines() if line]
    assert len(shown) == 400
    assert lines_of(bcf, 64, threads=2) == shown


def test_records_larger_than_the_buffers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TEXT_BYTES", 16)
    monkeypatch.setattr(module, "_SLAB_BYTES", 100)
    bcf = bcf_of(tmp_path, random_records(random.Random(1), 100, 30), tuple(f"S{number}" for number in range(30)))
    assert lines_of(bcf) == run("view", "-H", bcf).decode().splitlines()


def test_the_header_is_without_numbers(tmp_path):
    got = VcfSource(bcf_of(tmp_path, random_records(random.Random(2), 3, 1), ("S1",))).header
    assert "IDX" not in got.text
    assert list(got.info) == ["I", "F", "S", "FLAG"]
    assert got.info["I"].description == "x, y"
    assert list(got.contigs) == ["1", "2", "X"]
    assert list(got.filters) == ["PASS", "q10", "late"]


def test_floats_come_whole(tmp_path):
    generator = np.random.default_rng(5)
    bits = generator.integers(0, 0x7F800000, 2000, dtype=np.uint32)
    values = bits.view(np.float32)
    records = [["1", str(number + 1), ".", "A", "C", f"{float(value):.9g}", ".", f"F={float(value):.9g}"]
               for number, value in enumerate(values)]  # fmt: skip
    lines = lines_of(bcf_of(tmp_path, records, ()))
    for line, value in zip(lines, values, strict=True):
        columns = line.split("\t")
        assert np.float32(columns[5]) == value
        assert columns[7] == f"F={columns[5]}"


def test_damage_is_found(tmp_path):
    bcf = bcf_of(tmp_path, random_records(random.Random(3), 300, 3), ("a", "b", "c"))
    whole, want = bcf.read_bytes(), lines_of(bcf)
    generator = random.Random(3)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        bcf.write_bytes(damaged)
        try:
            got = lines_of(bcf)
        except InputError as error:
            got = str(error)
        assert got == want or str(bcf) in got


def test_bytes_that_are_no_records_never_read_past_the_end(tmp_path):
    """Blocks whose checksums are right, and whose content is not what BCF allows."""
    bcf = bcf_of(tmp_path, random_records(random.Random(4), 40, 3), ("a", "b", "c"))
    content = gzip.decompress(bcf.read_bytes())
    begin = 9 + int.from_bytes(content[5:9], "little")
    generator = random.Random(4)
    n_refused = 0
    for _ in range(200):
        changed = bytearray(content)
        for _ in range(3):
            changed[generator.randrange(begin, len(changed))] = generator.randrange(256)
        bcf.write_bytes(bgzf(bytes(changed)))
        error = refusal(bcf)
        n_refused += bool(error)
        assert not error or str(bcf) in error
    assert n_refused > 20
    bcf.write_bytes(bgzf(content[:-5]))
    with pytest.raises(InputError, match="the last record is cut short"):
        lines_of(bcf)
    bcf.write_bytes(bgzf(content[: begin - 5]))
    with pytest.raises(InputError, match="the header is cut short"):
        lines_of(bcf)
    bcf.write_bytes(bgzf(b"BCF\2\1" + content[5:]))
    with pytest.raises(InputError, match="unknown version of BCF"):
        lines_of(bcf)


def refusal(path):
    try:
        lines_of(path)
    except InputError as error:
        return str(error)
    return ""


@settings(max_examples=1500, deadline=None)
@given(st.floats(width=32))
def test_a_written_float_is_read_as_the_same(value):
    out = np.zeros(40, dtype=np.uint8)
    end = write_float_whole(out, 2, np.float32(value))
    assert not out[2 + 16 :].any()  # it never writes further, while it tries
    text = bytes(out[2:end]).decode()
    back, status = read_float(out, 2, end)
    assert status == 1
    assert np.isnan(back) if np.isnan(value) else np.float32(back) == np.float32(value), text
    if np.isfinite(value) and float(f"{value:.6g}") == value:
        assert text == f"{value:.6g}"
