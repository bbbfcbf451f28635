"""YAML files in, frozen plans out. `loader` is the door; nothing is imported here."""
