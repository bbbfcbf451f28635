"""What is known of brokers and backends without a server: a room (module) for each vendor.

`base` says what a room tells, `registry` has a row for each, `transport_options` checks options by
them; `prices` is what AWS asks for.
"""
