"""Draws a case: the document that others read, and from it the HTML report, the ticket summary and the terminal summary."""

from pveforensics.report.document import compose, dump, dumped, load, to_document
from pveforensics.report.html import page, render
from pveforensics.report.story import tell
from pveforensics.report.text import summary
from pveforensics.report.ticket import markdown

__all__ = ["compose", "dump", "dumped", "load", "markdown", "page", "render", "summary", "tell", "to_document"]
