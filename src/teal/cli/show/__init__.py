"""Presentation: values in, text out. No other room knows what an output looks like."""
