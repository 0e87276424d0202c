"""Reads teal.yml, the environment and the Compose files into what is wanted: ``teal.config.load``.

Nothing is imported here: where a kept release says enough, nothing is read.
"""
