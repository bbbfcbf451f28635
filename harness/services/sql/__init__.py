"""Databases as result backends: PostgreSQL and MariaDB or MySQL."""
