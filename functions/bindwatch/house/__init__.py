"""A user's own settings: one file that says who is theirs, what weighs how much, what is excepted, and their rules."""
