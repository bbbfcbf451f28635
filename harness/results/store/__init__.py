"""Runs on disk: their folders, the catalogue, the database over them."""
