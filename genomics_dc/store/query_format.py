"""The language of `bcftools query -f`: a format, read into the steps that print a line.

%CHROM, %POS, %POS0, %END, %ID, %REF, %ALT, %FIRST_ALT, %QUAL, %FILTER, %TYPE, %INFO, %FORMAT, %LINE, %INFO/TAG, %TAG,
%TAG{i} (from 0); in [brackets], once for every sample, also %SAMPLE, %GT, %TGT and the tags of FORMAT, which go before
those of INFO there.
"""

from __future__ import annotations

import re
from typing import NoReturn

from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import printed
from genomics_dc.store.printed import Calls, Column, Contents, EachSample, Info, Literal, Step, Value

_TAG = re.compile(r"%((?:INFO/|FORMAT/|FMT/|/)?[A-Za-z_][\w.]*)(?:\{(\d+)\})?")
_ESCAPES = {"n": "\n", "t": "\t"}
_EXAMPLE = r"it should look like '%CHROM\t%POS\t%REF\t%ALT[\t%GT]\n'"
_SITE: dict[str, Column] = {
    "CHROM": printed.CONTIG,
    "POS": printed.POSITION,
    "POS0": printed.POSITION_FROM_ZERO,
    "END": printed.END,
    "ID": printed.IDENTIFIER,
    "REF": printed.REFERENCE,
    "ALT": printed.ALTERNATIVES,
    "QUAL": printed.QUALITY,
    "FILTER": printed.FILTER,
    "TYPE": printed.TYPE,
}
_OF_SAMPLES: dict[str, Column] = {"SAMPLE": printed.SAMPLE, "GT": printed.GENOTYPE, "TGT": printed.BASES}
_NOT_HERE = frozenset({"N_PASS", "PBINOM", "TBCSQ", "IUPACGT", "MASK"})

TAB, LINE_FEED = Literal("\t"), Literal("\n")


def record_steps(*, samples: bool) -> list[Step]:
    """Return the steps of a record of VCF, without the line feed."""
    steps: list[Step] = []
    for column in (
        printed.CONTIG,
        printed.POSITION,
        printed.IDENTIFIER,
        printed.REFERENCE,
        printed.ALTERNATIVES,
        printed.QUALITY,
        printed.FILTER,
    ):
        steps += [Value(column), TAB]
    steps.append(Info())
    if samples:
        steps += [TAB, Calls()]
    return steps


class _Parser:
    def __init__(self, text: str, contents: Contents) -> None:
        self._text = text
        self._contents = contents
        self._info = {key.key: key for key in contents.info}
        self._calls = {key.key: key for key in contents.calls}

    def parse(self) -> list[Step]:
        steps, end = self._steps(0, inside=False)
        assert end == len(self._text)
        return steps

    def _steps(self, at: int, *, inside: bool) -> tuple[list[Step], int]:
        steps: list[Step] = []
        text = self._text
        plain = ""
        begin = at
        while at < len(text):
            sign = text[at]
            if sign == "\\" and at + 1 < len(text):
                plain += _ESCAPES.get(text[at + 1], text[at + 1])
                at += 2
                continue
            if sign not in "[]%":
                plain += sign
                at += 1
                continue
            if plain:
                steps.append(Literal(plain))
                plain = ""
            if sign == "[":
                if inside:
                    self._refuse(at)
                body, at = self._steps(at + 1, inside=True)
                steps.append(EachSample(tuple(body)))
            elif sign == "]":
                if not inside:
                    self._refuse(at)
                return steps, at + 1
            else:
                match = _TAG.match(text, at)
                if match is None:
                    self._refuse(at)
                steps += self._tag(match[1], None if match[2] is None else int(match[2]), inside=inside)
                at = match.end()
        if inside:
            self._refuse(begin - 1)
        if plain:
            steps.append(Literal(plain))
        return steps, at

    def _tag(self, tag: str, item: int | None, *, inside: bool) -> list[Step]:
        kind, slash, name = tag.partition("/")
        if not slash:
            kind, name = "", tag
        if not kind and not slash:
            if name == "FIRST_ALT":
                return [Value(printed.ALTERNATIVES, 0)]
            if name == "INFO":
                return [Info()]
            if name == "LINE" and not inside:
                return record_steps(samples=len(self._contents.samples) > 0)
            if name == "FORMAT" and not inside:
                return [Calls()]
            if name in _SITE:
                return [Value(_SITE[name], item)]
        if inside and kind in ("", "FORMAT", "FMT") and (not slash or kind):
            if name in _OF_SAMPLES and (name == "SAMPLE" or self._contents.has_genotypes):
                return [Value(_OF_SAMPLES[name], item)]
            if name in self._calls:
                return [Value(self._calls[name].column(), item)]
        if kind not in ("FORMAT", "FMT") and name in self._info:
            return [Value(self._info[name].column(), item)]
        if name in _NOT_HERE:
            raise UsageError(f"--format: %{name} of bcftools is not known here; print the fields that it is made of")
        where = ""
        if not inside and (name in self._calls or name in _OF_SAMPLES):
            where = f"; %{name} is of samples, and stands in brackets: [%{name}]"
        raise InputError(f"--format {self._text!r}: the store has no %{tag}{where}; {self._known()}")

    def _known(self) -> str:
        names = [f"INFO/{key}" for key in self._info]
        if self._contents.has_genotypes:
            names.append("FORMAT/GT")
        names += [f"FORMAT/{key}" for key in self._calls]
        return f"it has {', '.join(names[:12]) or 'no field'}{', …' if len(names) > 12 else ''}"

    def _refuse(self, at: int) -> NoReturn:
        raise UsageError(f"--format {self._text!r} is not understood at character {at + 1}; {_EXAMPLE}")


def parse_format(text: str, contents: Contents) -> list[Step]:
    r"""Return the steps that print a line by `text`, which gets a line feed at its end when it has none.

    Raises
    ------
    UsageError
        When the format is not understood.
    InputError
        When the store lacks a tag.
    """
    steps = _Parser(text, contents).parse()
    return steps if "\\n" in text or "\n" in text else [*steps, LINE_FEED]
