"""What one unit of work is, as frozen values: the tutorial's workloads and the user's own tasks.

A module for each kind of workload, found by the kind's name: more than a folder has elsewhere.
"""
