"""Every setting that can be an axis takes effect, not only is accepted."""
