"""Redis and Valkey: how a server is started, read and measured."""
