"""Types, colors, exit codes; the only place that builds adapters."""
