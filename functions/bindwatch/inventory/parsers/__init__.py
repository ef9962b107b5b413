"""From decoded JSON to the values of an inventory, one module per theme; nothing in here raises on bad input."""
