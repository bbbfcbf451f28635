"""Combinations that cannot work or cannot be measured: refused before a server is started."""
