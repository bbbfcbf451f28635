"""The values that scenarios and configurations consist of, frozen, and the language of gates."""
