"""What others are told of a run: a notification, metrics, a trace. Values in, values out; nothing is sent here."""
