"""What each service is: its role, its health, what it depends on, what its addresses mean."""
