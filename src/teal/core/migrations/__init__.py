"""What Teal knows of schema changes: files, phases, contracts and the gate before them."""
