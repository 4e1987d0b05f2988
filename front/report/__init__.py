"""The report: one self-contained HTML file that says what was asked, what to do, and how far to believe it."""

from .page import report_html, write_report

__all__ = ["report_html", "write_report"]
