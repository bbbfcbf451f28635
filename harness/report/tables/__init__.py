"""The tables of a report, by subject: text, the same for every format.

A module for each subject, found by the table's name: more than a folder has elsewhere.
"""
