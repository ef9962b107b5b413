"""What Google Cloud makes possible: permissions, roles, escalation paths, and how bad it is."""
