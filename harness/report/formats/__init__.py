"""How the content of a report is written: terminal, Markdown, CSV, JSON, files of a run."""
