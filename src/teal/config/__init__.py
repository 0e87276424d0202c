"""Reads teal.yml, the environment and the Compose files into what is wanted."""
