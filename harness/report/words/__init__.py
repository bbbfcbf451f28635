"""The words of reports: warnings, faults, escaping."""
