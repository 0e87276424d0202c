"""How others are told of a run: by HTTP, Apprise, a file for Prometheus, OpenTelemetry. Only a child loads it."""
