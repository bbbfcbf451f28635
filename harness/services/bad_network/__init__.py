"""Networks that are worse than loopback: a proxy, or wires into namespaces of Linux."""
