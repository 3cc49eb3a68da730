"""Text that breaks one rule, and text beside it that does not: records, and the file as a whole.

rule: (version, broken, right); a dict changes columns of one right record, bytes are a whole file.
"""

from __future__ import annotations

from tests.store.validate.vcf_text import record, text

ALLELES_201 = ",".join(["A" + "C" * n for n in range(1, 202)])
RECORD_CASES: dict[str, list[tuple[str, object, object]]] = {
    "record-columns": [
        ("4.3", text([record(b="<none>")]), text([record()])),
        ("4.3", text([record() + "\t"]), text([record()])),
        ("4.3", text(["1\t5"]), text([record()])),
    ],
    "record-empty-column": [("4.3", {"qual": ""}, {"qual": "."}), ("4.3", {"b": ""}, {"b": "."})],
    "chrom-name": [
        ("4.3", {"chrom": "<1"}, {"chrom": "<1>"}),
        ("4.2", {"chrom": "chr 1"}, {"chrom": "chr1"}),
        ("4.3", {"chrom": "=1"}, {"chrom": "HLA-A*01:01"}),
    ],
    "chrom-undeclared": [("4.3", {"chrom": "3"}, {"chrom": "2"})],
    "pos-number": [
        ("4.3", {"pos": "-1"}, {"pos": "0"}),
        ("4.1", {"pos": "1e2"}, {"pos": "100"}),
        ("4.3", {"pos": "."}, {}),
    ],
    "pos-range": [("4.3", {"chrom": "X", "pos": "2147483648"}, {"chrom": "X", "pos": "2147483647"})],
    "pos-beyond-contig": [("4.3", {"pos": "1002"}, {"pos": "1001"})],
    "id-empty": [("4.3", {"id": ""}, {"id": "."})],
    "id-text": [("4.3", {"id": "rs 1"}, {"id": "rs1;rs2"}), ("4.3", {"id": ";rs1"}, {}), ("4.2", {"id": "rs1;"}, {})],
    "id-repeated": [("4.3", {"id": "rs1;rs1"}, {"id": "rs1;rs2"})],
    "id-in-two-records": [("4.3", text([record(), record(pos="101")]), text([record(), record(pos="101", id="rs2")]))],
    "ref-missing": [("4.3", {"ref": "."}, {"ref": "N"})],
    "ref-ambiguity": [("4.3", {"ref": "R"}, {"ref": "acgtn"})],
    "ref-bases": [("4.3", {"ref": "C,A"}, {"ref": "CA"}), ("4.3", {"ref": "<DEL>"}, {})],
    "alt-text": [
        ("4.3", {"alt": "A T"}, {"alt": "T"}),
        ("4.3", {"alt": "<INS>B>"}, {"alt": "<INS>"}),
        ("4.3", {"alt": "-"}, {}),
    ],
    "alt-empty": [("4.3", {"alt": "G,,T", "info": "."}, {"alt": "G,T", "info": ".", "a": "0/2", "b": "."})],
    "alt-ambiguity": [("4.3", {"alt": "R"}, {"alt": "n"})],
    "alt-bases": [("4.3", {"alt": "I"}, {"alt": "*"})],
    "alt-star": [("4.1", {"alt": "*"}, {"alt": "C"})],
    "alt-missing-among-others": [("4.3", {"alt": "C,.", "info": ".", "a": "0/1"}, {"alt": "C"})],
    "alt-breakend": [
        ("4.3", {"alt": "[1:100["}, {"alt": "A[1:100["}),
        ("4.2", {"alt": "A[1:100]"}, {"alt": "]<ctg1>:1]A"}),
        ("4.3", {"alt": "A[1:x["}, {"alt": ".[13:123457["}),
        ("4.3", {"alt": "A[1["}, {"alt": "A."}),
    ],
    "alt-undeclared": [("4.3", {"alt": "<DUP>"}, {"alt": "<DEL>"})],
    "alt-repeated": [("4.3", {"alt": "C,C", "info": ".", "a": "0/1"}, {"alt": "C,G", "info": ".", "a": "0/1"})],
    "alt-equals-ref": [("4.3", {"alt": "A"}, {"alt": "C"})],
    "qual-number": [
        ("4.3", {"qual": "high"}, {"qual": "2e+1"}),
        ("4.3", {"qual": "5."}, {"qual": "Inf"}),
        ("4.2", {"qual": "1,5"}, {"qual": "5."}),
    ],
    "qual-negative": [("4.3", {"qual": "-1"}, {"qual": "-0"})],
    "filter-text": [
        ("4.3", {"filter": "PASS;"}, {"filter": "PASS"}),
        ("4.2", {"filter": "my filter"}, {"filter": "q10"}),
    ],
    "filter-name": [("4.2", {"filter": "q10;<q>"}, {"filter": "q10"})],
    "filter-zero": [("4.3", {"filter": "q10;0"}, {"filter": "q10"})],
    "filter-mixed": [("4.3", {"filter": "q10;."}, {"filter": "."})],
    "filter-pass-mixed": [("4.3", {"filter": "q10;PASS"}, {"filter": "PASS"})],
    "filter-repeated": [("4.3", {"filter": "q10;q10"}, {"filter": "q10"})],
    "filter-undeclared": [("4.3", {"filter": "q20"}, {"filter": "q10"})],
    "info-empty": [
        ("4.3", {"info": "DP=5;"}, {"info": "DP=5"}),
        ("4.3", {"info": "DP="}, {"info": "DP=."}),
        ("4.3", {"info": "XL=a,,b"}, {"info": "XL=a,.,b"}),
    ],
    "info-key": [
        ("4.3", {"info": "RS Q=1"}, {"info": "1000G"}),
        ("4.2", {"info": "=1"}, {"info": "A-B=1"}),
        ("4.3", {"info": "A-B=1"}, {"info": "_A.b=1"}),
    ],
    "info-repeated": [("4.3", {"info": "DP=5;DP=6"}, {"info": "DP=5;XI=6"})],
    "info-space": [("4.2", {"info": "XS=a b"}, {"info": "XS=a_b"})],
    "info-equals": [("4.3", {"info": "XS=p.(Leu=)"}, {"info": "XS=p.(Leu%3D)"})],
    "info-quoted": [("4.3", {"info": 'XS="a,b"'}, {"info": "XS=a"})],
    "info-undeclared": [("4.3", {"info": "NEW=1"}, {"info": "XI=1"})],
    "info-flag-value": [("4.3", {"info": "DB=2"}, {"info": "DB"})],
    "info-flag-01": [("4.3", {"info": "DB=1"}, {"info": "DB"})],
    "info-no-value": [("4.3", {"info": "XI"}, {"info": "XI=."})],
    "info-number": [
        ("4.3", {"info": "XI=1,2"}, {"info": "XI=1"}),
        ("4.3", {"info": "AC=1,2"}, {"info": "AC=1"}),
        ("4.3", {"info": "XR=1"}, {"info": "XR=1,2"}),
        ("4.3", {"info": "AN=1,2"}, {"info": "AN=2"}),
    ],
    "info-number-text": [("4.3", {"info": "XS=a,b"}, {"info": "XL=a,b"})],
    "info-number-no-alt": [
        ("4.3", {"alt": ".", "info": "AC=0", "format": "GT", "a": "0/0", "b": "."}, {"alt": ".", "info": "AC=."})
    ],
    "info-type": [
        ("4.3", {"info": "XI=1.5"}, {"info": "XI=-1"}),
        ("4.3", {"info": "XR=a,1"}, {"info": "XR=nan,-Inf"}),
        ("4.3", {"info": "XC=ab"}, {"info": "XC=b"}),
        ("4.2", {"info": "DP=1e3"}, {"info": "DP=1000"}),
        ("4.3", {"info": "XR=1.,2"}, {"info": "XR=.5,2E-7"}),
    ],
    "info-range": [
        ("4.3", {"info": "XI=2147483648"}, {"info": "XI=2147483647"}),
        ("4.3", {"info": "XI=-2147483641"}, {"info": "XI=-2147483640"}),
    ],
    "info-negative": [("4.3", {"info": "AC=-1"}, {"info": "AC=0"}), ("4.3", {"info": "AF=-0.1"}, {"info": "XI=-1"})],
    "info-frequency": [("4.3", {"info": "AF=1.01"}, {"info": "AF=1"})],
    "info-cigar": [("4.3", {"info": "CIGAR=12MY"}, {"info": "CIGAR=1M30I2D1N"})],
    "info-end": [("4.3", {"info": "END=99"}, {"info": "END=100"})],
    "format-key": [
        ("4.3", {"format": "GT:G*S:XF", "a": "0/1", "b": "."}, {"format": "GT:G_S.1:XF", "a": "0/1", "b": "."}),
        ("4.3", {"format": "GT::PL", "a": "0/1", "b": "."}, {}),
        ("4.2", {"format": "GT:G S", "a": "0/1", "b": "."}, {"format": ".", "a": ".", "b": "."}),
    ],
    "format-key-escaped": [("4.3", {"format": "GT:G%3AS", "a": "0/1", "b": "."}, {})],
    "format-key-alphanumeric": [
        ("4.2", {"format": "GT:MIN_DP", "a": "0/1", "b": "."}, {"format": "GT:MINDP", "a": "0/1", "b": "."})
    ],
    "format-repeated": [("4.3", {"format": "GT:DP:DP", "a": "0/1", "b": "."}, {})],
    "format-gt-first": [("4.3", {"format": "DP:GT", "a": "1:0/1", "b": "."}, {"format": "DP", "a": "1", "b": "."})],
    "format-local-alleles": [
        (
            "4.5",
            {"format": "GT:LAD:LAA", "a": "0/1:1,2:1", "b": "."},
            {"format": "GT:LAA:LAD", "a": "0/1:1:1,2", "b": "0/0:.:5"},
        )
    ],
    "format-undeclared": [("4.3", {"format": "GT:NEW", "a": "0/1:x", "b": "."}, {})],
    "call-fields": [("4.3", {"a": "0/1:3:1,2,3:4"}, {"a": "0/1"})],
    "call-empty": [
        ("4.3", {"a": "0/1::1,2,3"}, {"a": "0/1:.:1,2,3"}),
        ("4.4", {"format": "GT:LAA", "a": "0/1:", "b": "."}, {}),
    ],
    "call-number": [
        ("4.3", {"a": "0/1:3:1,2"}, {"a": "0/1:3:.,.,."}),
        ("4.3", {"a": "0:3:1,2,3"}, {"a": "0:3:1,2"}),
        ("4.3", {"a": "0/1:3,4"}, {"a": "0|0|1:3:1,2,3,4"}),
        ("4.3", {"format": "XF", "a": "1", "b": "."}, {"format": "XF", "a": "1,.", "b": "."}),
        ("4.3", {"format": "PL", "a": "1,2", "b": "."}, {"format": "PL", "a": "1,2,3", "b": "."}),
        (
            "4.5",
            {"format": "GT:LAA:LPL", "a": "0/1:1:1", "b": "."},
            {"format": "GT:LAA:LPL", "a": "0/1:1:1,2,3", "b": "0/0:.:5"},
        ),
    ],
    "call-number-text": [
        ("4.3", {"format": "GT:XS", "a": "0/1:a,b", "b": "."}, {"format": "GT:XS", "a": "0/1:a", "b": "."})
    ],
    "call-number-no-alt": [
        (
            "4.3",
            {"alt": ".", "info": ".", "format": "GT:PL", "a": "0/0:0,1,2", "b": "."},
            {"alt": ".", "info": ".", "format": "GT:PL", "a": "0/0:0", "b": "."},
        ),
    ],
    "call-type": [
        ("4.3", {"a": "0/1:x"}, {"a": "0/1:7"}),
        ("4.3", {"format": "XF", "a": "a,b", "b": "."}, {"format": "XF", "a": "1e-3,NaN", "b": "."}),
        ("4.3", {"a": "0/1:1.5"}, {"a": "0/1:+15"}),
    ],
    "call-range": [("4.3", {"a": "0/1:2147483648"}, {"a": "0/1:2147483647"})],
    "call-negative": [("4.3", {"a": "0/1:-3"}, {"format": "XI", "a": "-3", "b": "."})],
    "gt-text": [
        ("4.3", {"a": "1/C"}, {"a": "1/0"}),
        ("4.3", {"a": "0/|1"}, {"a": "."}),
        ("4.3", {"a": "/0/1"}, {"a": "0|1"}),
        ("4.3", {"a": "0.000"}, {"a": "./1"}),
    ],
    "gt-leading-zero": [("4.3", {"a": "00/1"}, {"a": "0/1"})],
    "gt-allele": [
        ("4.3", {"a": "0/2"}, {"a": "0/1"}),
        ("4.3", {"alt": ALLELES_201, "info": ".", "a": "0/202"}, {"alt": ALLELES_201, "info": ".", "a": "0/201"}),
        ("4.3", {"a": "0/99999999999"}, {"a": "0/0/0/1"}),
    ],
    "gt-allele-no-alt": [("4.3", {"alt": ".", "info": ".", "a": "0/1"}, {"alt": ".", "info": ".", "a": "0/0"})],
    "order-position": [
        (
            "4.3",
            text([record(), record(pos="99", id="."), record(pos="99", id=".", alt="G")]),
            text([record(), record(id=".", alt="G")]),
        )
    ],
    "order-contig": [
        (
            "4.3",
            text([record(), record(chrom="2", id="."), record(pos="101", id=".")]),
            text([record(), record(chrom="2", pos="1", id=".")]),
        ),
    ],
    "variant-repeated": [
        ("4.3", text([record(), record(id=".")]), text([record(), record(id=".", alt="G")])),
        (
            "4.2",
            text([record(ref="TAT", alt="TGT"), record(pos="101", id=".", alt="G")]),
            text([record(ref="TAT", alt="TGT"), record(pos="102", id=".", alt="G")]),
        ),
        (
            "4.3",
            text([record(ref="TAT", alt="tgt"), record(pos="101", id=".", alt="g")]),
            text([record(alt="<DEL>"), record(alt="<DEL>", id=".")]),
        ),
    ],
}
