"""What is known of Google Cloud itself: roles, permissions, escalation paths."""
