"""Teal's commands as a library; each takes the ports and what is wanted, and returns a value.

Each may raise any error of ``teal.errors``; those that change anything hold the lock and heal first. Nothing is
imported here: looking must not wait for all that deploying needs.
"""
