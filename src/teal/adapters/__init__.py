"""The edges: Docker Engine, Compose, Caddy, SQLite, files and clock, behind the ports. No decisions here."""
