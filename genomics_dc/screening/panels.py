"""Gene panels: versioned data with a source, checked before use."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from genomics_dc.errors import InputError
from genomics_dc.files import sha256_file
from genomics_dc.reference.genes import GeneModels, Transcript
from genomics_dc.screening.model import FrozenModel, InheritanceMode


class PanelGene(FrozenModel):
    """A gene of a panel: the transcript it is reported on, how its condition is inherited, and the condition's names.

    `loss_of_function` says that loss of function is an established mechanism of the condition; without it PVS1 is not
    assessed. `benign_frequency_above` replaces the general BS1 threshold.
    """

    symbol: str = Field(min_length=1)
    transcript: str = Field(min_length=1)
    inheritance: tuple[InheritanceMode, ...] = Field(min_length=1)
    condition: dict[str, str] = Field(default_factory=dict)
    omim: str | None = None
    loss_of_function: bool = False
    loss_of_function_source: str | None = None
    benign_frequency_above: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _mechanism_has_source(self) -> PanelGene:
        if self.loss_of_function and not self.loss_of_function_source:
            raise ValueError("loss_of_function needs loss_of_function_source")
        return self

    @property
    def recessive(self) -> bool:
        """Return whether two changed copies are a way to the condition."""
        return "autosomal_recessive" in self.inheritance


class Panel(FrozenModel):
    """A panel. `checksum` is the SHA-256 of its file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(min_length=1)
    source: str = Field(min_length=1)
    title: dict[str, str] = Field(default_factory=dict)
    genes: tuple[PanelGene, ...] = Field(min_length=1)
    checksum: str = ""

    @field_validator("genes")
    @classmethod
    def _distinct(cls, genes: tuple[PanelGene, ...]) -> tuple[PanelGene, ...]:
        symbols = [gene.symbol for gene in genes]
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            raise ValueError(f"stands twice: {', '.join(twice)}")
        return genes

    def transcripts(self, models: GeneModels) -> dict[str, Transcript]:
        """Return symbol -> transcript; InputError names every gene or transcript that the models lack."""
        found: dict[str, Transcript] = {}
        problems: list[str] = []
        for gene in self.genes:
            if gene.symbol not in models.by_gene:
                problems.append(f"gene {gene.symbol} is not there")
                continue
            try:
                transcript = models.transcript(gene.transcript)
            except InputError as error:
                problems.append(f"gene {gene.symbol}: {error}")
                continue
            if transcript.gene != gene.symbol:
                problems.append(f"{gene.transcript} is of gene {transcript.gene}, not {gene.symbol}")
            elif not transcript.is_coding:
                problems.append(f"{gene.transcript} of gene {gene.symbol} has no coding sequence")
            else:
                found[gene.symbol] = transcript
        if problems:
            raise InputError(
                f"panel {self.name} and the gene models {models.path} do not fit: {'; '.join(problems)}; "
                "give gene models that hold the panel's transcripts, or correct the panel"
            )
        return found


def panel_names() -> list[str]:
    """Return the names of the panels that come with the software."""
    folder = files("genomics_dc").joinpath("configs/panels")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_panel(panel: Panel | Path | str) -> Panel:
    """Return a panel by name (one that comes with the software) or by path of a YAML file.

    Raises InputError with every problem of the file at once: unknown keys, a missing version or source, a gene twice.
    """
    if isinstance(panel, Panel):
        return panel
    path = Path(panel)
    if path.suffix not in (".yaml", ".yml"):
        shipped = Path(str(files("genomics_dc").joinpath(f"configs/panels/{panel}.yaml")))
        if "/" in str(panel) or not shipped.is_file():
            raise InputError(f"there is no panel {panel}; give a YAML file or one of: {', '.join(panel_names())}")
        path = shipped
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the panel {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"the panel {path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"the panel {path} must be a mapping with name, version, source and genes")
    try:
        return Panel.model_validate({**content, "checksum": sha256_file(path)})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise InputError(f"the panel {path} is not valid: {problems}") from error
