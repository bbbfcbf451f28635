"""The page over a store: `overview` says what is on it, `page` draws it."""
