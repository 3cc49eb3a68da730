"""Text that breaks one rule, and text beside it that does not: the file and its header.

rule: (version, broken, right); a dict changes columns of one right record, bytes are a whole file.
"""

from __future__ import annotations

from tests.store.validate.vcf_text import COLUMNS, FORMAT, INFO, declaring, record, text

HEADER_CASES: dict[str, list[tuple[str, object, object]]] = {
    "file-empty": [("4.3", b"", text())],
    "text-control-character": [
        ("4.3", {"id": "rs\x001"}, {"id": "rs1"}),
        ("4.1", {"info": "XS=a\x07b"}, {"info": "XS=ab"}),
        ("4.3", text([record(id="rs\r1")]), text([record()]).replace(b"\n", b"\r\n")),
    ],
    "text-not-utf8": [("4.3", text([record()]).replace(b"rs1", b"rs\xe9"), {"id": "rs\u00e9"})],
    "text-byte-order-mark": [("4.3", b"\xef\xbb\xbf" + text(), text())],
    "text-last-line-end": [("4.3", text([record()], end=""), text([record()]))],
    "line-empty": [("4.3", text([record(), "", record(pos="101")]), text([record(), record(pos="101")]))],
    "line-empty-at-end": [("4.3", text([record(), ""]), text([record()]))],
    "fileformat-missing": [("4.3", text().partition(b"\n")[2], text())],
    "fileformat-unreadable": [("4.3", text(version="4.x"), text()), ("4.3", text(version=" 4.3"), text(version="4.4"))],
    "fileformat-unknown": [("4.3", text(version="4.0"), text(version="4.1")), ("4.3", text(version="4.9"), text())],
    "fileformat-repeated": [("4.3", declaring("##fileformat=VCFv4.3"), text())],
    "meta-key-value": [("4.3", declaring("##plain words"), declaring("##key=plain words"))],
    "meta-empty-value": [("4.3", declaring("##reference="), declaring("##reference=x.fa"))],
    "meta-structure": [
        ("4.3", declaring("##contig=<ID=3,X,length=5>"), declaring("##contig=<ID=3,length=5>")),
        ("4.2", declaring("##INFO=DP"), declaring("##source=DP")),
        ("4.3", declaring('##ALT=<ID=DEL:A<B,Description="d">'), declaring('##ALT=<ID=DEL:AB,Description="d">')),
    ],
    "meta-unclosed": [
        ("4.3", declaring('##FILTER=<ID=a,Description="d"'), declaring('##FILTER=<ID=a,Description="d">'))
    ],
    "meta-quote": [
        ("4.3", declaring('##FILTER=<ID=a,Description="d>'), text()),
        (
            "4.2",
            declaring('##FILTER=<ID=a,Description="a "b" c">'),
            declaring('##FILTER=<ID=a,Description="a \\"b\\" c">'),
        ),
    ],
    "meta-other-structure": [("4.3", declaring("##mine=<a,b>"), declaring("##mine=<ID=a,b=c>"))],
    "meta-id-missing": [("4.3", declaring("##contig=<length=5>"), declaring("##contig=<ID=c>"))],
    "meta-id-characters": [("4.3", declaring("##contig=<ID=1 A>"), declaring("##contig=<ID=1A>"))],
    "meta-sample-id": [
        ("4.3", declaring("##SAMPLE=<Assay=x>"), declaring("##SAMPLE=<ID=a,Assay=x>")),
        ("4.3", declaring("##PEDIGREE=<Original=x>"), declaring("##PEDIGREE=<ID=a,Original=x>")),
        ("4.3", declaring("##SAMPLE=<ID=1 A>"), declaring("##PEDIGREE=<Name_0=x>", version="4.2")),
    ],
    "meta-sample-structure": [("4.3", declaring("##SAMPLE=<ID=1,A>"), declaring("##SAMPLE=<ID=1>"))],
    "meta-id-key": [
        ("4.3", declaring(INFO.format("A-B", 1, "Float")), declaring(INFO.format("A_B.1", 1, "Float"))),
        ("4.3", declaring(FORMAT.format("1A", 1, "Float")), declaring(FORMAT.format("1A", 1, "Float"), version="4.1")),
    ],
    "meta-id-repeated": [("4.3", declaring('##FILTER=<ID=q10,Description="d">'), text())],
    "meta-id-conflict": [
        ("4.3", declaring(INFO.format("XI", 2, "Integer")), declaring(INFO.format("XI2", 2, "Integer"))),
        ("4.2", declaring("##contig=<ID=1,length=7>"), declaring("##contig=<ID=1,length=1000>")),
    ],
    "meta-field-missing": [("4.3", declaring('##INFO=<ID=A,Number=1,Description="d">'), text())],
    "meta-field-order": [
        (
            "4.3",
            declaring('##INFO=<ID=A,Type=Float,Number=1,Description="d">'),
            declaring(INFO.format("A", 1, "Float")),
        ),
        (
            "4.3",
            declaring('##ALT=<ID=DEL:X,Type=String,Description="d">'),
            declaring('##ALT=<ID=DEL:X,Description="d",T="x">'),
        ),
    ],
    "meta-number": [
        ("4.3", declaring(INFO.format("A", "N", "Float")), declaring(INFO.format("A", "R", "Float"))),
        ("4.4", declaring(INFO.format("A", "-1", "Float")), declaring(FORMAT.format("A", "P", "Float"))),
    ],
    "meta-number-later": [
        (
            "4.1",
            declaring(INFO.format("A", "R", "Float"), version="4.1"),
            declaring(INFO.format("A", "R", "Float"), version="4.2"),
        ),
        (
            "4.4",
            declaring(FORMAT.format("A", "LA", "Float"), version="4.4"),
            declaring(FORMAT.format("A", "LA", "Float"), version="4.5"),
        ),
    ],
    "meta-type": [("4.3", declaring(INFO.format("A", 1, "Int")), declaring(INFO.format("A", 1, "Integer")))],
    "meta-type-format-flag": [
        ("4.3", declaring(FORMAT.format("A", 0, "Flag")), declaring(INFO.format("A", 0, "Flag")))
    ],
    "meta-flag-number": [
        ("4.3", declaring(INFO.format("A", 1, "Flag")), declaring(INFO.format("A", 0, "Flag"))),
        ("4.3", declaring(INFO.format("A", 0, "Float")), declaring(INFO.format("A", 1, "Float"))),
    ],
    "meta-description": [
        ("4.3", declaring("##FILTER=<ID=a,Description=words>"), declaring('##FILTER=<ID=a,Description="words">')),
        ("4.3", declaring("##FILTER=<ID=a>"), declaring('##FILTER=<ID=a,Description="">')),
    ],
    "meta-optional-unquoted": [
        (
            "4.3",
            declaring('##FILTER=<ID=a,Description="d",Source=x>'),
            declaring('##FILTER=<ID=a,Description="d",Source="x">'),
        ),
    ],
    "meta-reserved-number": [
        ("4.3", declaring(INFO.format("NS", "A", "Integer")), declaring(INFO.format("NS", 1, "Integer"))),
        (
            "4.3",
            declaring(FORMAT.format("AD", "A", "Integer")),
            declaring(FORMAT.format("AD", "A", "Integer"), version="4.2"),
        ),
    ],
    "meta-reserved-type": [
        ("4.3", declaring(FORMAT.format("PS", 1, "String")), declaring(FORMAT.format("PS", 1, "Integer"))),
        ("4.1", declaring(INFO.format("AN", 1, "Float")), declaring(INFO.format("MQ", 1, "Float"))),
    ],
    "meta-structural-type": [
        ("4.3", declaring(INFO.format("SVLEN", ".", "String")), declaring(INFO.format("SVLEN", ".", "Integer")))
    ],
    "meta-alt-type": [
        ("4.3", declaring('##ALT=<ID=NEW:X,Description="d">'), declaring('##ALT=<ID=INS:X,Description="d">')),
        (
            "4.2",
            declaring('##ALT=<ID=BND:X,Description="d">', version="4.2"),
            declaring('##ALT=<ID=BND:X,Description="d">'),
        ),
    ],
    "meta-alt-name": [
        (
            "4.2",
            declaring('##ALT=<ID=NON_REF,Description="d">', version="4.2"),
            declaring('##ALT=<ID=NON_REF,Description="d">'),
        ),
    ],
    "meta-contig-name": [("4.3", declaring("##contig=<ID=*x>"), declaring("##contig=<ID=HLA-A*01:01>"))],
    "meta-contig-reserved": [("4.3", declaring("##contig=<ID=DEL>"), declaring("##contig=<ID=DEL1>"))],
    "meta-contig-length": [("4.3", declaring("##contig=<ID=3,length=x>"), declaring("##contig=<ID=3,length=9>"))],
    "meta-url": [
        ("4.3", declaring("##assembly=ftp://8080:8080/a"), declaring("##assembly=ftp://me@h.org:8080/a?b=c")),
        ("4.2", declaring("##pedigreeDB=<http://>"), declaring("##pedigreeDB=<http://10.0.1.2:80/x>")),
    ],
    "meta-values": [("4.3", declaring("##META=<ID=a,Values=x>"), declaring("##META=<ID=a,Values=[x, y]>"))],
    "meta-pedigree": [("4.3", declaring("##PEDIGREE=<ID=a,Mother=b c>"), declaring("##PEDIGREE=<ID=a,Mother=b_c>"))],
    "meta-sample-genomes": [("4.2", declaring("##SAMPLE=<ID=a>", version="4.2"), declaring("##SAMPLE=<ID=a>"))],
    "meta-late": [("4.3", text([record(), "##source=x"]), text([record()], meta=["##source=x"]))],
    "columns-missing": [("4.3", text(columns="##x=y"), text())],
    "columns-stray-line": [("4.3", declaring("source=x"), declaring("##source=x"))],
    "columns-names": [
        ("4.3", text(columns=COLUMNS.replace("POS", "POSITION")), text(columns=COLUMNS)),
        ("4.3", text(columns=COLUMNS + "\tNA1"), text(columns=COLUMNS + "\tFORMAT\tNA1")),
        ("4.3", text(columns=COLUMNS.replace("\t", " ")), text()),
    ],
    "columns-no-samples": [("4.3", text(columns=COLUMNS + "\tFORMAT"), text(columns=COLUMNS))],
    "columns-sample-empty": [
        ("4.3", text(columns=COLUMNS + "\tFORMAT\tNA1\t"), text(columns=COLUMNS + "\tFORMAT\tNA1"))
    ],
    "columns-sample-repeated": [("4.3", text(columns=COLUMNS + "\tFORMAT\tNA1\tNA1"), text())],
}
