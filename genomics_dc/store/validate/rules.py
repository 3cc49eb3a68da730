"""Every rule of the validator: its name, what it asks, how grave a breach is in each version, and where it is written.

Names are stable: scripts may depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genomics_dc.store.validate.findings import Severity
from genomics_dc.store.validate.versions import VERSIONS

_SEVERITIES: dict[str, Severity] = {"E": "error", "W": "warning"}
_ANOTHER_RECORD = "each record is a row of its own; nothing is lost"
_AS_DECLARED = "values are stored as the header declares them"
_TEXT = "the text is stored as it is"


@dataclass(frozen=True)
class Rule:
    """One rule.

    `levels` has a letter for each of VCF 4.1 to 4.5: E error, W warning, - not a rule of that version. `old_section`
    is where VCF 4.1 and 4.2 say it, `section` where 4.3 to 4.5 do. `kept` is why `store build` stores what breaks the
    rule all the same; empty where it refuses.
    """

    name: str
    levels: str
    old_section: str
    section: str
    asks: str
    kept: str = ""

    def severity(self, version_index: int) -> Severity | None:
        """Return how grave a breach is in that version, None where the version has no such rule."""
        return _SEVERITIES.get(self.levels[version_index])

    def versions(self, severity: Severity) -> str:
        """Return the versions in which a breach is of this severity, as "4.1-4.2", or "" where in none."""
        of = [v for v, letter in zip(VERSIONS, self.levels, strict=True) if _SEVERITIES.get(letter) == severity]
        return "" if not of else of[0] if len(of) == 1 else f"{of[0]}-{of[-1]}"


_TABLE = (
    # The file
    Rule("file-empty", "EEEEE", "1.2.1", "1.4.1", "a file has at least a header"),
    Rule("file-damaged", "EEEEE", "1", "1", "the compressed blocks can be read and their checksums hold"),
    Rule("file-truncated", "EEEEE", "1", "1", "a BGZF file ends with its end-of-file block"),
    Rule(
        "file-not-bgzf",
        "WWWWW",
        "1",
        "1",
        "a compressed VCF is compressed in blocks (bgzip), so that it can be indexed",
    ),
    Rule("text-control-character", "EEEEE", "1.4.1", "1.2", "no control characters, and CR only before LF"),
    Rule("text-not-utf8", "WWEEE", "1.2", "1.2", "the text is UTF-8"),
    Rule("text-byte-order-mark", "EEEEE", "1.2.1", "1.2", "no byte order mark"),
    Rule(
        "text-last-line-end",
        "WWEEE",
        "1.4",
        "1.6",
        "the last line ends with a line separator",
        kept="the line is whole",
    ),
    Rule("line-empty", "EEEEE", "1.4.1", "1", "no empty lines between lines"),
    Rule("line-empty-at-end", "WWWWW", "1.4.1", "1", "no empty lines after the last record"),
    # Meta-information lines
    Rule("fileformat-missing", "EEEEE", "1.2.1", "1.4.1", "the first line is ##fileformat=VCFv4.x"),
    Rule("fileformat-unreadable", "EEEEE", "1.2.1", "1.4.1", "##fileformat names a version as VCFv4.x"),
    Rule("fileformat-unknown", "WWWWW", "1.2.1", "1.4.1", "the version is one from 4.1 to 4.5"),
    Rule("fileformat-repeated", "EEEEE", "1.2.1", "1.4.1", "there is a single ##fileformat line"),
    Rule("meta-key-value", "EEEEE", "1.2", "1.4", "a meta-information line is ##key=value"),
    Rule("meta-empty-value", "EEEEE", "1.2", "1.4", "the value of a meta-information line is not empty"),
    Rule("meta-structure", "EEEEE", "1.2", "1.4", "a structured line is ##key=<key=value,...>"),
    Rule("meta-unclosed", "EEEEE", "1.2", "1.4", "a structured line ends with >"),
    Rule("meta-quote", "EEEEE", "1.2.2", "1.4.2", "quotation marks are closed, and escaped inside quoted text"),
    Rule(
        "meta-other-structure",
        "WWWWW",
        "1.2",
        "1.4",
        "lines that the specification does not define are well formed too",
    ),
    Rule("meta-id-missing", "EEEEE", "1.2.2", "1.4", "a structured line has an ID"),
    Rule(
        "meta-id-characters",
        "EEEEE",
        "1.2.2",
        "1.4",
        "an ID has no white space, comma, quotation mark or angle bracket",
    ),
    Rule("meta-sample-id", "EEEEE", "1.2.8", "1.4.8, 1.4.9", "SAMPLE, PEDIGREE and META lines have an ID", kept=_TEXT),
    Rule(
        "meta-sample-structure", "EEEEE", "1.2.8", "1.4.8", "SAMPLE, PEDIGREE, META: ##key=<key=value,...>", kept=_TEXT
    ),
    Rule("meta-id-key", "WWWWW", "1.4.1", "1.6.1.8, 1.6.2", "the ID of an INFO or FORMAT line can be a key of records"),
    Rule("meta-id-repeated", "WWWWW", "1.2", "1.4", "an ID is declared once among the lines of its kind"),
    Rule("meta-id-conflict", "EEEEE", "1.2", "1.4", "two lines of one ID do not say different Number, Type or length"),
    Rule(
        "meta-field-missing",
        "EEEEE",
        "1.2.2-1.2.5",
        "1.4.2-1.4.5",
        "Number and Type are there",
    ),
    Rule(
        "meta-field-order",
        "EEEWW",
        "1.2.2-1.2.5",
        "1.4, 1.4.2",
        "fields come as ID, Number, Type, Description, others",
        kept=_AS_DECLARED,
    ),
    Rule(
        "meta-number",
        "EEEEE",
        "1.2.2",
        "1.4.2, 1.4.4",
        "Number is a count, A, R, G or a dot (P, LA, LR, LG, M in FORMAT)",
    ),
    Rule(
        "meta-number-later",
        "WWWWW",
        "1.2.2",
        "1.4.2, 1.4.4",
        "Number is a code of the file's own version, not of a later one",
    ),
    Rule("meta-type", "EEEEE", "1.2.2", "1.4.2", "Type is Integer, Float, Flag, Character or String"),
    Rule("meta-type-format-flag", "EEEEE", "1.2.4", "1.4.4", "Type of a FORMAT line is not Flag"),
    Rule("meta-flag-number", "WWWWW", "1.2.2", "1.4.2", "Flag goes with Number=0, and Number=0 with Flag"),
    Rule("meta-description", "EEEEE", "1.2.2", "1.4.2", "Description is there, in double quotes", kept=_AS_DECLARED),
    Rule("meta-optional-unquoted", "--WWW", "1.2.5", "1.4", "values of optional fields are in double quotes"),
    Rule(
        "meta-reserved-number",
        "EEEEE",
        "1.4.1.8, 1.4.2",
        "1.6.1.8, 1.6.2",
        "a reserved key has the Number that is reserved",
        kept=_AS_DECLARED,
    ),
    Rule(
        "meta-reserved-type",
        "EEEEE",
        "1.4.1.8, 1.4.2",
        "1.6.1.8, 1.6.2",
        "a reserved key has the Type that is reserved",
        kept=_AS_DECLARED,
    ),
    Rule(
        "meta-structural-type",
        "WWWWW",
        "3",
        "3",
        "a key reserved for structural variants has the Type that is reserved",
    ),
    Rule(
        "meta-alt-type",
        "EEEEE",
        "1.2.5",
        "1.4.5",
        "a list of ALT subtypes begins with DEL, INS, DUP, INV, CNV (or BND)",
        kept=_TEXT,
    ),
    Rule("meta-alt-name", "WW---", "1.2.5", "", "an ALT ID begins with DEL, INS, DUP, INV or CNV"),
    Rule("meta-contig-name", "EEEEE", "1.2.7", "1.4.7", "a contig's name is spelled as a reference name of SAM"),
    Rule("meta-contig-reserved", "--WWW", "", "1.4.7", "a contig is not called as a symbolic allele is"),
    Rule("meta-contig-length", "EEEEE", "1.2.7", "1.4.7", "a contig's length is a positive whole number"),
    Rule("meta-url", "EEEEE", "1.2.6, 1.2.9", "1.4.6, 1.4.9", "assembly and pedigreeDB have an address", kept=_TEXT),
    Rule("meta-values", "--EEE", "", "1.4.8", "Values of a META line are a list in square brackets", kept=_TEXT),
    Rule("meta-pedigree", "EEEEE", "1.2.9", "1.4.9", "a PEDIGREE line names genomes without white space", kept=_TEXT),
    Rule("meta-sample-genomes", "WW---", "1.2.8", "", "a SAMPLE line has Genomes, Mixture and Description"),
    Rule("meta-late", "EEEEE", "1.2", "1.4", "meta-information comes before the column line and the records"),
    # The column line
    Rule(
        "columns-missing",
        "EEEEE",
        "1.3",
        "1.5",
        "a line of column names, beginning with #CHROM, follows the meta-information",
    ),
    Rule("columns-stray-line", "EEEEE", "1.2", "1.4", "before the column line every line begins with ##"),
    Rule(
        "columns-names",
        "EEEEE",
        "1.3",
        "1.5",
        "the columns are #CHROM POS ID REF ALT QUAL FILTER INFO, then FORMAT and samples",
    ),
    Rule(
        "columns-no-samples",
        "EEEEE",
        "1.3",
        "1.5",
        "FORMAT is followed by sample names",
        kept="there are no calls to store",
    ),
    Rule("columns-sample-empty", "EEEEE", "1.3", "1.5", "a sample has a name, and no tab ends the line"),
    Rule("columns-sample-repeated", "EEEEE", "1.3", "1.5", "a sample has one column"),
    # Columns of records
    Rule("record-columns", "EEEEE", "1.4", "1.6", "a record has as many columns as the column line"),
    Rule("record-empty-column", "EEEEE", "1.4.1", "1, 1.6", "no column is empty; a missing value is a dot"),
    Rule("chrom-name", "EEEEE", "1.4.1.1", "1.4.7, 1.6.1.1", "CHROM is a contig's name, or an ID in angle brackets"),
    Rule("chrom-undeclared", "WWWWW", "1.2.7", "1.4.7", "the header has a line for every contig, when it has any"),
    Rule("pos-number", "EEEEE", "1.4.1.2", "1.6.1.2", "POS is a whole number, zero or more"),
    Rule("pos-range", "EEEEE", "1.4.1.2, 6.3.1", "1.3, 1.6.1.2", "POS fits 32 bits"),
    Rule(
        "pos-beyond-contig",
        "EEEEE",
        "1.4.1.2",
        "1.6.1.2",
        "POS is at most one past the contig's length",
        kept="the header's length may be wrong; REF is held against the FASTA when one is given",
    ),
    Rule("id-empty", "EEEEE", "1.4.1.3", "1, 1.6.1.3", "ID is not empty", kept="it is stored as missing"),
    Rule(
        "id-text",
        "EEEEE",
        "1.4.1.3",
        "1.6.1.3",
        "ID is a list of identifiers without white space, semicolons between",
        kept=_TEXT,
    ),
    Rule("id-repeated", "EEEEE", "1.4.1.3", "1.6.1.3", "an ID is listed once in a record", kept=_TEXT),
    Rule(
        "id-in-two-records",
        "WWWWW",
        "1.4.1.3",
        "1.6.1.3",
        "an ID is in one record only (looked for in 100,000 records back)",
    ),
    Rule("ref-missing", "EEEEE", "1.4.1.4", "1.6.1.4", "REF is not missing"),
    Rule("ref-ambiguity", "EEEEE", "1.4.1.4", "1.6.1.4", "REF has no ambiguity codes (R, Y, M ...)", kept=_TEXT),
    Rule("ref-bases", "EEEEE", "1.4.1.4", "1.6.1.4", "REF is made of A, C, G, T and N"),
    Rule("alt-text", "EEEEE", "1.4.1.5", "1.6.1.5", "ALT is bases, *, a dot, <ID>, or a breakend"),
    Rule("alt-empty", "EEEEE", "1.4.1.5", "1.6.1.5", "no ALT allele is empty"),
    Rule("alt-ambiguity", "EEEEE", "1.4.1.5", "1.6.1.5", "ALT has no ambiguity codes (R, Y, M ...)", kept=_TEXT),
    Rule("alt-bases", "EEEEE", "1.4.1.5", "1.6.1.5", "bases of ALT are A, C, G, T and N"),
    Rule("alt-star", "W----", "1.4.1.5", "", "the * allele came with VCF 4.2"),
    Rule("alt-missing-among-others", "WWWWW", "1.4.1.5", "1.6.1.5", "a dot stands alone in ALT"),
    Rule("alt-breakend", "EEEEE", "5.4", "5.4", "a breakend has bases on one side and both brackets of one kind"),
    Rule("alt-undeclared", "WWWWW", "1.2.5", "1.4.5", "a symbolic allele has an ALT line (said once for each)"),
    Rule("alt-repeated", "WWWWW", "1.4.1.5", "1.6.1.5", "an allele is listed once in ALT"),
    Rule("alt-equals-ref", "WWWWW", "1.4.1.5", "1.6.1.5", "ALT alleles differ from REF"),
    Rule("qual-number", "EEEEE", "1.4.1.6", "1.3, 1.6.1.6", "QUAL is a number or a dot"),
    Rule(
        "qual-negative",
        "EEEEE",
        "1.4.1.6",
        "1.6.1.6",
        "QUAL, as minus a logarithm of a probability, is not negative",
        kept="the number is stored as it is",
    ),
    Rule(
        "filter-text", "EEEEE", "1.4.1.7", "1.6.1.7", "FILTER is PASS, a dot, or a list of filters without white space"
    ),
    Rule("filter-name", "EEEEE", "1.2.3", "1.4.3", "a filter is called so that a FILTER line can declare it"),
    Rule("filter-zero", "EEEEE", "1.4.1.7", "1.6.1.7", "0 is reserved and not a filter", kept=_TEXT),
    Rule("filter-mixed", "EEEEE", "1.4.1.7", "1.6.1.7", "the missing value stands alone"),
    Rule("filter-pass-mixed", "WWWWW", "1.4.1.7", "1.6.1.7", "PASS stands alone"),
    Rule("filter-repeated", "WWEEE", "1.4.1.7", "1.6.1.7", "a filter is listed once", kept="it is stored as one"),
    Rule("filter-undeclared", "WWWWW", "1.2.3", "1.4.3", "a filter has a FILTER line (said once for each)"),
    # INFO
    Rule(
        "info-empty", "EEEEE", "1.4.1.8", "1, 1.6.1.8", "no key and no value of INFO is empty", kept="nothing is lost"
    ),
    Rule("info-key", "EEEEE", "1.4.1.8", "1.6.1.8", "a key of INFO is spelled as the version asks"),
    Rule("info-repeated", "EEEEE", "1.4.1.8", "1.6.1.8", "a key is there once (of the first 100,000)"),
    Rule("info-space", "EE---", "1.4.1.8", "", "a value has no white space", kept=_TEXT),
    Rule("info-equals", "WWWWW", "1.4.1.8", "1.6.1.8", "a value has no equals sign"),
    Rule(
        "info-quoted",
        "WWWWW",
        "1.4.1.8",
        "1.6.1.8",
        "quotation marks do not make one value of a list; taken as one here",
    ),
    Rule("info-undeclared", "WWWWW", "1.2.2", "1.4.2", "a key has an INFO line (said once for each)"),
    Rule("info-flag-value", "EEEEE", "1.2.2", "1.4.2", "a flag has no value"),
    Rule("info-flag-01", "WWWWW", "1.4.1.8", "1.4.2", "a flag is not written as =0 or =1"),
    Rule("info-no-value", "EEEEE", "1.2.2", "1.4.2", "a key that is not a flag has a value"),
    Rule("info-number-text", "EEEEE", "1.2.2", "1.4.2", "one String has no comma", kept=_TEXT),
    Rule("info-number", "EEEEE", "1.2.2", "1.4.2", "there are as many values as Number says"),
    Rule("info-number-no-alt", "WWWWW", "1.2.2", "1.4.2", "where ALT is missing, there is no value for it"),
    Rule("info-type", "EEEEE", "1.2.2", "1.3, 1.4.2", "values are of the Type declared"),
    Rule("info-range", "EEEEE", "6.3.3", "1.3", "whole numbers fit 32 bits, and are not among the eight lowest"),
    Rule(
        "info-negative",
        "EEEEE",
        "1.4.1.8",
        "1.6.1.8",
        "counts, depths, positions and frequencies are not negative",
        kept="the number is stored as it is",
    ),
    Rule("info-frequency", "WWWWW", "1.4.1.8", "1.6.1.8", "AF is at most 1"),
    Rule("info-cigar", "EEEEE", "1.4.1.8", "1.6.1.8", "CIGAR is counts and operations (M I D N S H P X =)", kept=_TEXT),
    Rule("info-end", "WWWWW", "1.4.1.8", "1.6.1.8", "END is not before POS"),
    # FORMAT and calls
    Rule("format-key", "EEEEE", "1.4.2", "1.6.2", "a key of FORMAT is spelled as the version asks, and is not empty"),
    Rule("format-key-escaped", "--WWW", "", "1.2, 1.6.2", "a key of FORMAT has no percent encoding"),
    Rule("format-key-alphanumeric", "WW---", "1.4.2", "", "a key of FORMAT is alphanumeric (said once for each)"),
    Rule("format-repeated", "EEEEE", "1.4.2", "1.6.2", "a key is there once"),
    Rule("format-gt-first", "EEEEE", "1.4.2", "1.6.2", "GT, where there is one, is the first key"),
    Rule("format-local-alleles", "----E", "", "1.6.2", "LAA comes before the local-allele keys, after GT only"),
    Rule("format-undeclared", "WWWWW", "1.2.4", "1.4.4", "a key has a FORMAT line (said once for each)"),
    Rule("call-fields", "EEEEE", "1.4.2", "1.6.2", "a sample has no more fields than FORMAT has keys"),
    Rule(
        "call-empty",
        "EEEEE",
        "1.4.2",
        "1, 1.6.2",
        "no field is empty; a missing value is a dot (in 4.5 lists of local alleles may be empty)",
    ),
    Rule("call-number-text", "EEEEE", "1.2.4", "1.4.4", "one String has no comma", kept=_TEXT),
    Rule("call-number", "EEEEE", "1.2.4", "1.4.4", "there are as many values as Number says"),
    Rule("call-number-no-alt", "WWWWW", "1.2.4", "1.4.4", "where ALT is missing, there is no value for it"),
    Rule("call-type", "EEEEE", "1.2.4", "1.3, 1.4.4", "values are of the Type declared"),
    Rule("call-range", "EEEEE", "6.3.3", "1.3", "whole numbers fit 32 bits, and are not among the eight lowest"),
    Rule(
        "call-negative", "WWWWW", "1.4.2", "1.6.2", "depths, qualities and likelihoods in phred units are not negative"
    ),
    Rule("gt-text", "EEEEE", "1.4.2", "1.6.2", "GT is allele numbers or dots, / or | between"),
    Rule("gt-leading-zero", "WWWWW", "1.4.2", "1.6.2", "allele numbers have no leading zeros"),
    Rule("gt-allele-no-alt", "WWWWW", "1.4.2", "1.6.2", "where ALT is missing, no call has an allele but REF"),
    Rule("gt-allele", "EEEEE", "1.4.2", "1.6.2", "an allele number is that of REF or of an ALT allele"),
    # The whole file
    Rule("order-position", "EEEEE", "1.4.1.2", "1.6.1.2", "positions do not decrease within a contig"),
    Rule("order-contig", "EEEEE", "1.4.1.1", "1.6.1.1", "the records of a contig stand together"),
    Rule(
        "variant-repeated",
        "EEEEE",
        "2",
        "2",
        "an allele of a locus is in one record, however much of the context REF has",
        kept=_ANOTHER_RECORD,
    ),
)

RULES = {rule.name: rule for rule in _TABLE}


def rules_as_markdown() -> str:
    """Return every rule as a Markdown table, as it stands in docs/vcf-rules.md."""
    return "\n".join(_markdown()) + "\n"


def _markdown() -> Iterator[str]:
    yield "# What `genomics-dc validate` asks of a VCF"
    yield ""
    yield "Made by `genomics-dc validate --list-rules`. Sections are those of the VCF specification; where two"
    yield "are given, the first is of VCF 4.1 and 4.2, the second of 4.3 to 4.5. `store build` refuses an error,"
    yield "except where the last column says why it may be stored all the same."
    yield ""
    yield "| rule | asks that | error in | warning in | section | stored all the same, because |"
    yield "|---|---|---|---|---|---|"
    for rule in RULES.values():
        section = " / ".join(dict.fromkeys(s for s in (rule.old_section, rule.section) if s))
        asks = rule.asks.replace("|", "\\|")
        cells = (f"`{rule.name}`", asks, rule.versions("error"), rule.versions("warning"), section, rule.kept)
        yield f"| {' | '.join(cells)} |"
