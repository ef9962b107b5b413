"""What is the user's own: one file that says who is theirs, what weighs how much, what is excepted; and their rules."""
