"""How units arrive, as frozen values: one module per kind of load, with what it decides."""
