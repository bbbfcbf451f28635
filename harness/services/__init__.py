"""Servers: one driver per kind, three providers, and namespaces for blocks.

The way in is `harness.services.provide.provide`; `harness.services.sweep.sweep` cleans up
after killed runs and `harness.services.doctor` says what is installed.
"""
