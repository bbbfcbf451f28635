"""What a report says, put together of its tables and charts, and how it is written: terminal,
Markdown, CSV, JSON, files of a run."""
