"""Who can do what where, and who can become whom: grants with their conditions, and what follows from them."""
