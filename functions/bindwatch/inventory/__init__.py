"""What a scope holds at one moment: hierarchy, policies, identities, clusters; and the parsers of its exports."""
