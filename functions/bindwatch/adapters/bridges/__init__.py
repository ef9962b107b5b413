"""Bridges from the alerts topic to where people look: one module per kind of destination, and how they are reached."""
