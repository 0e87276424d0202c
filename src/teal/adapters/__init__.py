"""Translates: Docker Engine, Compose, Caddy, SQLite, files, clock; never decides."""
