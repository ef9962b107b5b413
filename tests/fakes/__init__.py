"""Servers that stand in for Google's."""
