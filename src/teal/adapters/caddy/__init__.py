"""Caddy with Teal's snippet, and the state file that it reads."""
