"""The values everything speaks of: principals, policies, log entries, findings."""
