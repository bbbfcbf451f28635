"""What is known of brokers and backends without a server: endpoints, abilities, options, prices."""
