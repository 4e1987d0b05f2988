"""The report: one self-contained HTML file that says what was asked, what to do, and how far to believe it."""

from .folder import report_folder
from .page import report_html, write_report
from .results import Results

__all__ = ["Results", "report_folder", "report_html", "write_report"]
