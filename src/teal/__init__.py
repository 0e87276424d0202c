"""Blue-green deploys for Docker Compose stacks behind Caddy."""
