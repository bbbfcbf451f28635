"""What a unit does inside a client: publishing, waiting and checking, one class per workload.

A module for each kind, named as its model is in `scenario.workloads`: more than a folder has
elsewhere.
"""
