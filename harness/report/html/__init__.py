"""The report as one HTML page without network: template, style and script are package data."""
