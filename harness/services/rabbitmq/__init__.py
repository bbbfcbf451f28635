"""RabbitMQ: how a node is started, read and measured."""
