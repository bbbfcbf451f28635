"""The tables of a report, by subject: text, the same for every format."""
