"""Between a YAML file and a model: strict reading with positions, overrides, secrets, words."""
