"""The texts: the same keys and placeholders in each language, and a text for each value that a model can hold."""

from __future__ import annotations

import string
from importlib.resources import files
from typing import get_args

import pytest
import yaml

from genomics_dc.errors import UsageError
from genomics_dc.reports import LANGUAGES
from genomics_dc.reports.model import GeneFit, HeadlineKind
from genomics_dc.reports.render import messages
from genomics_dc.screening import model as screening
from genomics_dc.screening.model import IdentityCheck, ParentCall

PLURALS = ("one", "other")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_languages_have_the_same_keys_and_placeholders():
    first, *others = [messages(language) for language in LANGUAGES]
    for other in others:
        assert set(first) == set(other)
        for key in first:
            assert placeholders(first[key]) == placeholders(other[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_whole(language):
    texts = messages(language)
    # "None" is what is left of a comma in an unquoted YAML text.
    empty_on_purpose = {"page_end"}
    assert [key for key, text in texts.items() if text in ("", "None") and key not in empty_on_purpose] == []
    terms = {key.rsplit(".", 1)[1] for key in texts if key.startswith("glossary.")}
    assert terms == {"term", "text"}
    assert texts["meta.language"] == language
    assert texts["meta.owner"]
    assert "10.1038/gim.2015.30" in texts["meta.source"]
    assert texts["meta.date"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("group", "values"),
    [
        ("phase", get_args(screening.Phase)),
        ("zygosity", get_args(screening.Zygosity)),
        ("inheritance", get_args(screening.InheritanceMode)),
        ("segregation", get_args(screening.Segregation)),
        ("significance", get_args(screening.Significance)),
        ("strength", get_args(screening.Strength)),
        ("identity_check", get_args(IdentityCheck.model_fields["check"].annotation)),
        ("identity_status", get_args(IdentityCheck.model_fields["status"].annotation)),
        ("role", get_args(ParentCall.model_fields["role"].annotation)),
        ("gene_result", get_args(GeneFit)),
    ],
)
def test_every_value_has_a_text(language, group, values):
    assert values
    texts = messages(language)
    assert {key.split(".", 1)[1] for key in texts if key.startswith(f"{group}.")} == set(values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_headline_has_a_text(language):
    texts = messages(language)
    for kind in get_args(HeadlineKind):
        for plural in PLURALS:
            assert texts[f"headline.{kind}.{plural}"]


# The 28 criteria of Richards et al. 2015 (doi:10.1038/gim.2015.30), tables 3 and 4.
CRITERIA = """
    PVS1 PS1 PS2 PS3 PS4 PM1 PM2 PM3 PM4 PM5 PM6 PP1 PP2 PP3 PP4 PP5 BA1 BS1 BS2 BS3 BS4 BP1 BP2 BP3 BP4 BP5 BP6 BP7
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_criterion_is_explained(language):
    texts = messages(language)
    assert {key.split(".")[1] for key in texts if key.startswith("criterion.")} == {*CRITERIA.split(), "other"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_calls_a_result_negative_or_normal(language):
    forbidden = ("negative", "阴性", "normal", "正常", "healthy person", "excluded", "排除", "ruled out")
    for key, text in messages(language).items():
        assert not [word for word in forbidden if word in text.lower()], key


def test_chinese_is_chinese():
    """Every Chinese text holds a Chinese character, but for marks, names and bare placeholders."""
    chinese = messages("zh-CN")
    plain = {key for key, text in chinese.items() if not any("\u4e00" <= character <= "\u9fff" for character in text)}
    assert plain <= {
        "meta.language", "meta.date", "page_end", "colon", "separator", "list_separator", "glossary.hgvs.term",
        "coverage.of_bases", "parent.call",
    }  # fmt: skip


def test_unknown_language_is_a_sentence():
    with pytest.raises(UsageError, match="choose from zh-CN, en"):
        messages("fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_written_twice(language):
    """YAML keeps the last of two equal keys without a word."""

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [loader.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Strict.add_constructor("tag:yaml.org,2002:map", mapping)
    yaml.load((files("genomics_dc.reports") / "messages" / f"{language}.yaml").read_text("utf-8"), Strict)
