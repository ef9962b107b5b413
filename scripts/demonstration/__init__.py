"""The sample company of the demonstration: what it owns, what is wrong with it, and the day somebody broke in."""
