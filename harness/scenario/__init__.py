"""YAML files in, frozen plans out. `plan.loader` is the door; nothing is imported here."""
