"""Reports: one frozen model, then pages in every language and format."""

from genomics_dc.reports.model import LANGUAGES, ReportModel, build
from genomics_dc.reports.render import FORMATS, Reports, WrittenReport, render_html, render_pdf, write_report
from genomics_dc.reports.subject import Subject

__all__ = [
    "FORMATS",
    "LANGUAGES",
    "ReportModel",
    "Reports",
    "Subject",
    "WrittenReport",
    "build",
    "render_html",
    "render_pdf",
    "write_report",
]
