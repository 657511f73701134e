"""The content of a report as a value, and its three formats: HTML, Markdown and JSON."""
