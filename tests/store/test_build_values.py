"""What a build keeps: every value, in a type that holds it, whatever comes late, long, wide or mixed in a file."""

import numpy as np
import pytest
import zarr

from genomics_dc.errors import InputError, ResourceError
from genomics_dc.store import StoreView, build_store, schema, verify_store
from genomics_dc.store.planning import plan_store
from tests.builders import VCF_DECLARATIONS, random_records, write_vcf
from tests.peak_memory import run_and_measure

PL = '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">'
TEXT = '##INFO=<ID=TX,Number=1,Type=String,Description="Text">'


def group(path):
    return zarr.open_group(path, mode="r")


def built(tmp_path, records, *, name="in.vcf", **how):
    options = {key: how.pop(key) for key in ("samples", "declarations") if key in how}
    vcf = write_vcf(tmp_path / name, records, **options)
    build_store(vcf, tmp_path / "out.vcz", **how)
    return vcf, group(tmp_path / "out.vcz")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "127", "."], "int8"),
        (["1", "128", "."], "int16"),
        (["-128", "5", "."], "int8"),
        (["-129", "5", "."], "int16"),
        (["32767", "0", "."], "int16"),
        (["32768", "0", "."], "int32"),
        (["2147483647", "-2147483640", "."], "int32"),
        (["-1", "5", "."], "float64"),
        ([".", ".", "."], "int8"),
    ],
)
@pytest.mark.parametrize("first", [0, 1200])
def test_the_narrowest_type_that_holds_every_value(tmp_path, values, dtype, first):
    """Also where the value that needs it comes after a chunk has been written without: nothing ever wraps."""
    records = [f"1 {row + 1} . A G . . DP=7 GT:DP 0/1:7 0/0:7" for row in range(first)]
    records += [f"1 {first + 1 + row} . A G . . DP={value} GT:DP 0/1:{value} 0/0:7" for row, value in enumerate(values)]
    vcf, arrays = built(tmp_path, records)
    assert arrays["variant_DP"].dtype == dtype
    assert arrays["call_DP"].dtype == dtype
    told = [None if value == "." else int(value) for value in values]
    for held in (arrays["variant_DP"][first:], arrays["call_DP"][first:, 0]):
        missing = (np.isnan(held) if dtype == "float64" else held == -1).tolist()
        assert missing == [value is None for value in told]
        assert [int(x) for x, gone in zip(held, missing, strict=True) if not gone] == [v for v in told if v is not None]
    assert (arrays["call_DP"][:first] == 7).all()
    assert verify_store(tmp_path / "out.vcz", deep=True, against=vcf).ok


@pytest.mark.parametrize("value", ["2147483648", "-2147483648", "99999999999999999999"])
def test_a_value_past_its_type_is_refused(tmp_path, value):
    vcf = write_vcf(tmp_path / "in.vcf", [f"1 5 . A G . . DP={value} GT 0/1 0/0"])
    with pytest.raises(InputError, match=r"line 13: INFO DP is past what Type=Integer holds"):
        build_store(vcf, tmp_path / "out.vcz")
    vcf = write_vcf(tmp_path / "in.vcf", [f"1 5 . A G . . . GT:DP 0/1:{value} 0/0:1"])
    with pytest.raises(InputError, match=r"line 13: DP of sample S1 is past what VCF's Integer holds"):
        build_store(vcf, tmp_path / "out.vcz")


def test_what_becomes_wider_late(tmp_path):
    """Ploidy, alleles and lists that grow after two chunks: what stands before is as if it had been so at first."""
    records = [f"1 {row + 1} . A G . . AF=0.5 GT:AD 1:{row % 90},1 ." for row in range(2100)]
    records += ["1 3000 . A C . . . GT 0/1/1 0", "1 3001 . A C,G,T . . AF=0.1,0.2,0.3 GT:AD 0/3:1,2,3,400 1:."]
    vcf, arrays = built(tmp_path, records)
    assert arrays["call_genotype"].shape == (2102, 2, 3)
    assert arrays["call_genotype"][0].tolist() == [[1, -2, -2], [-1, -2, -2]]
    assert arrays["call_genotype"][2100:].tolist() == [[[0, 1, 1], [0, -2, -2]], [[0, 3, -2], [1, -2, -2]]]
    assert (arrays["call_genotype_mask"][:] == (arrays["call_genotype"][:] < 0)).all()
    assert arrays["call_AD"].dtype == "int16"
    assert arrays["call_AD"][5].tolist() == [[5, 1, -2, -2], [-1, -2, -2, -2]]
    assert arrays["call_AD"][2100].tolist() == [[-1] * 4, [-1] * 4]  # the record has no AD at all
    assert arrays["variant_allele"][0].tolist() == ["A", "G", "", ""]
    assert arrays["variant_AF"].shape == (2102, 3)
    assert verify_store(tmp_path / "out.vcz", deep=True, against=vcf).ok
    again = write_vcf(tmp_path / "again.vcf", [*records[2100:], *records[:2100]][:2])
    assert build_store(again, tmp_path / "again.vcz").n_variants == 2


def test_alleles_past_127_are_int16(tmp_path):
    bases = ",".join("A" + "C" * n for n in range(1, 201))
    _, arrays = built(tmp_path, [f"1 5 . A {bases} . . . GT 0/200 127/128"])
    assert arrays["call_genotype"].dtype == np.int16
    assert arrays["call_genotype"][0].tolist() == [[0, 200], [127, 128]]
    assert arrays["variant_allele"].shape == (1, 201)


def test_likelihoods_of_200_alleles(tmp_path):
    n_values = 201 * 202 // 2
    bases = ",".join("A" + "C" * n for n in range(1, 201))
    values = ",".join(str(n % 300) for n in range(n_values))
    records = [
        "1 4 . A C . . . GT:PL 0/1:1,2,3 0/0:.",
        f"1 5 . A {bases} . . . GT:PL 0/200:{values} ./.:.",
    ]
    vcf, arrays = built(tmp_path, records, declarations=(*VCF_DECLARATIONS, PL))
    assert arrays["call_PL"].shape == (2, 2, n_values)
    assert arrays["call_PL"][1, 0].tolist() == [n % 300 for n in range(n_values)]
    assert arrays["call_PL"][0, 0, :4].tolist() == [1, 2, 3, -2]
    build_store(vcf, tmp_path / "local.vcz", local_alleles=True)
    local = group(tmp_path / "local.vcz")
    assert "call_PL" not in local
    assert local["call_LAA"][1].tolist() == [[200, -2], [-1, -2]]
    hom_ref, het, hom = 0, 200 * 201 // 2, 200 * 201 // 2 + 200
    assert local["call_LPL"][1, 0, :3].tolist() == [n % 300 for n in (hom_ref, het, hom)]
    assert "##FORMAT=<ID=LPL" in StoreView.open(tmp_path / "local.vcz").vcf_header()


def test_a_hundred_thousand_alternate_alleles(tmp_path):
    bases = ",".join(f"<DUP:{n}>" for n in range(100_000))
    _, arrays = built(tmp_path, [f"1 5 . A {bases} . . . GT 0/1 0/0"])
    assert arrays["variant_allele"].shape == (1, 100_001)
    assert arrays["variant_allele"][0, [0, 1, 100_000]].tolist() == ["A", "<DUP:0>", "<DUP:99999>"]
    vcf = write_vcf(tmp_path / "far.vcf", [f"1 5 . A {bases} . . . GT 0/40000 0/0"])
    with pytest.raises(InputError, match=r"a GT has allele 40,000; the store holds alleles up to 32,767"):
        build_store(vcf, tmp_path / "far.vcz")


def test_records_that_become_too_wide_for_a_chunk_begin_the_store_anew(tmp_path, monkeypatch):
    """Fewer records then stand in a chunk, and the store is the one that a plan of the whole file gives."""
    from genomics_dc.store import plan

    monkeypatch.setattr(plan, "_BAND_BYTES", 40_000)
    records = [f"1 {row + 1} . A G . . . GT:AD 0/1:1,2 0/0:3,4" for row in range(700)]
    records.append("1 1000 . A " + ",".join("A" + "C" * n for n in range(1, 41)) + " . . . GT 0/40 1/2")
    _, arrays = built(tmp_path, records)
    assert arrays["call_genotype"].chunks[0] < 200
    assert arrays["call_AD"].shape == (701, 2, 41)
    assert arrays["call_AD"][699, 1, :3].tolist() == [3, 4, -2]


def test_a_position_past_31_bits_is_refused(tmp_path):
    for position, words in (("2147483648", "POS is at most"), ("99999999999999", "POS is at most"), ("-1", "POS")):
        vcf = write_vcf(tmp_path / "in.vcf", [f"1 {position} . A G . . . GT 0/1 0/0"])
        with pytest.raises(InputError, match=rf"line 13: {words}"):
            build_store(vcf, tmp_path / "out.vcz")


def test_carriage_returns_names_in_other_letters_and_the_end_without_a_line_feed(tmp_path):
    samples = ("样本一", "Zoë")
    vcf = write_vcf(
        tmp_path / "in.vcf", ["1 5 rs1 A G . . . GT 0/1 0/0", "1 6 ß A G . . . GT 1/1 0/0"], samples=samples
    )
    plain = build_store(vcf, tmp_path / "plain.vcz")
    vcf.write_bytes(vcf.read_bytes().replace(b"\n", b"\r\n"))
    assert build_store(vcf, tmp_path / "crlf.vcz").store_hash == plain.store_hash
    vcf.write_bytes(vcf.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n"))
    assert build_store(vcf, tmp_path / "cut.vcz", lenient=True).store_hash == plain.store_hash
    view = StoreView.open(tmp_path / "crlf.vcz")
    assert view.sample_ids.tolist() == list(samples)
    assert view.sites().identifier.tolist() == ["rs1", "ß"]


def test_ploidies_and_phases_mixed(tmp_path):
    records = ["1 5 . A G . . . GT 0|1 1", "1 6 . A G . . . GT 0/1/1 .", "1 7 . A G . . . GT 1|0 0/1"]
    vcf, arrays = built(tmp_path, records)
    assert arrays["call_genotype"][:].tolist() == [
        [[0, 1, -2], [1, -2, -2]],
        [[0, 1, 1], [-1, -2, -2]],
        [[1, 0, -2], [0, 1, -2]],
    ]
    assert arrays["call_genotype_phased"][:, 0].tolist() == [True, False, True]
    assert not arrays["call_genotype_phased"][2, 1]
    assert verify_store(tmp_path / "out.vcz", deep=True, against=vcf).ok


def test_sites_without_samples(tmp_path):
    _, arrays = built(tmp_path, ["1 5 . A G 5 PASS DP=3", "1 6 . A . . . ."], samples=())
    assert arrays["call_genotype"].shape[:2] == (2, 0)
    assert arrays["variant_DP"][:].tolist() == [3, -1]


def test_spaces_at_the_end_of_a_line(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf", ["1 5 . A G . . . GT 0/1 0/0"])
    vcf.write_text(vcf.read_text().rstrip("\n") + "  \n")
    with pytest.raises(InputError, match=r"line 13: GT of sample S2 is not allele numbers"):
        build_store(vcf, tmp_path / "out.vcz")


def test_lenience_names_what_it_mended(tmp_path):
    records = ["1 5 . A G . . DP=x;NEW=3 GT:DP 0/1:y 0/7:2", "1 6 . A G . . DP=4 GT:DP 0/1:1 0/0:2"]
    vcf = write_vcf(tmp_path / "in.vcf", records)
    with pytest.raises(InputError):
        build_store(vcf, tmp_path / "out.vcz")
    told = []
    build_store(vcf, tmp_path / "out.vcz", lenient=True, note=told.append)
    arrays = group(tmp_path / "out.vcz")
    assert arrays["variant_DP"][:].tolist() == [-1, 4]
    assert arrays["call_DP"][:].tolist() == [[-1, 2], [1, 2]]
    assert arrays["call_genotype"][0].tolist() == [[0, 1], [0, -1]]
    assert any("INFO keys that the header lacks are left out (once, first at" in words for words in told)
    assert any("read as missing" in words for words in told)
    assert all("line 13" in words for words in told)


def test_the_order_of_info_keys_is_remembered(tmp_path):
    records = ["1 5 . A G . . DP=3;AF=0.5 GT 0/1 0/0", "1 6 . A G . . AF=0.5;DP=3 GT 0/1 0/0", "1 7 . A G . . . GT 0 0"]
    _, arrays = built(tmp_path, records, keep_info_order=True)
    orders = arrays[schema.INFO_ORDERS][:].tolist()
    assert [orders[number] for number in arrays[schema.INFO_ORDER][:]] == ["DP;AF", "AF;DP", ""]


def test_sums_by_sample(tmp_path):
    _, arrays = built(tmp_path, random_records(1500, 7), samples=[f"S{j}" for j in range(7)])
    sums = arrays[schema.SAMPLE_COUNTS][:]
    dosage = np.concatenate([b["dosage"] for b in StoreView.open(tmp_path / "out.vcz").blocks("dosage")])
    assert sums.tolist() == [[int((dosage[:, s] == code).sum()) for code in (0, 1, 2, -1)] for s in range(7)]


def test_a_plan_is_kept_to_and_can_be_edited(tmp_path):
    import json

    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(2300, 6), samples=[f"S{j}" for j in range(6)])
    planned = plan_store(vcf)
    info = build_store(vcf, tmp_path / "out.vcz")
    arrays = group(tmp_path / "out.vcz")
    for one in planned.arrays:
        held = arrays[one.name]
        assert held.shape == one.shape
        assert held.dtype == (one.dtype if one.dtype != "string" else held.dtype)
    assert planned.n_variants == info.n_variants
    assert planned.n_files == sum(1 for path in (tmp_path / "out.vcz").rglob("*") if path.is_file())
    assert 0.5 < planned.n_bytes / info.stored_bytes < 2
    told = planned.to_dict()
    for one in told["fields"]:
        if one["name"] == "FORMAT/DP":
            one["dtype"] = "int32"
        if one["name"] == "INFO/AF":
            one["keep"] = False
    told["variants_per_chunk"] = 400
    told["variant_chunks_per_file"] = 3
    (tmp_path / "plan.json").write_text(json.dumps(told))
    build_store(vcf, tmp_path / "edited.vcz", plan=tmp_path / "plan.json")
    edited = group(tmp_path / "edited.vcz")
    assert "variant_AF" not in edited
    assert edited["call_DP"].dtype == np.int32
    assert edited["call_DP"].chunks[0] == 1200
    assert (edited["call_DP"][:] == arrays["call_DP"][:]).all()
    assert verify_store(tmp_path / "edited.vcz", deep=True).ok
    for wrong, words in (
        ({"plan_version": 9}, "is not a plan of version 1"),
        ({**told, "fields": [{"name": "INFO/NO"}]}, "field 'INFO/NO' is not in the header"),
        ({**told, "variants_per_chunk": 0}, "variants_per_chunk should be a whole number"),
        ({**told, "fields": [{"name": "INFO/AF", "dtype": "int8"}]}, "the type of INFO/AF can be"),
    ):
        (tmp_path / "plan.json").write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=words):
            build_store(vcf, tmp_path / "wrong.vcz", plan=tmp_path / "plan.json")


def test_too_little_memory_is_said_before_anything_is_written(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf")
    with pytest.raises(ResourceError, match=r"MiB of memory are too few: .* give more with --memory"):
        build_store(vcf, tmp_path / "out.vcz", memory_bytes=1 << 20)
    assert not (tmp_path / "out.vcz").exists()


BUILDER = """
import sys
from genomics_dc.store import build_store
build_store(sys.argv[1], sys.argv[2], workers=2, memory_bytes=int(sys.argv[3]))
"""


def peak_bytes(vcf, output, memory_bytes):
    return run_and_measure(BUILDER, vcf, output, memory_bytes)[1]


@pytest.mark.slow
def test_memory_is_a_ceiling_and_does_not_change_the_bytes(tmp_path):
    samples = [f"S{j}" for j in range(8_000)]
    calls = np.array(["0/0", "0/1", "1/1", "./."])
    random = np.random.default_rng(3)
    lines = []
    for row in range(2_200):
        genotypes = "\t".join(calls[random.integers(0, 4, len(samples))].tolist())
        lines.append(f"1 {row + 1} . A G . . . GT ".replace(" ", "\t") + genotypes)
    vcf = write_vcf(tmp_path / "in.vcf.gz", lines, samples=samples)
    peak_bytes(vcf, tmp_path / "warm.vcz", 1 << 30)  # the compiler, should it be needed, takes more than the build
    hashes = set()
    for number, memory in enumerate((450 << 20, 1 << 30)):
        output = tmp_path / f"{number}.vcz"
        assert peak_bytes(vcf, output, memory) < memory
        hashes.add(StoreView.open(output).store_hash)
    assert len(hashes) == 1


@pytest.mark.slow
def test_a_line_of_200_megabytes(tmp_path):
    text = "A" * 200_000_000
    records = ["1 4 . A G . . TX=short GT 0/1 0/0", f"1 5 . A G . . TX={text} GT 0/1 0/0"]
    vcf = write_vcf(tmp_path / "in.vcf.gz", records, declarations=(*VCF_DECLARATIONS, TEXT))
    assert peak_bytes(vcf, tmp_path / "out.vcz", 2 << 30) < 2 << 30
    view = StoreView.open(tmp_path / "out.vcz")
    assert view.n_variants == 2
    held = group(tmp_path / "out.vcz")["variant_TX"][:]
    assert [len(value) for value in held] == [5, len(text)]
