"""The checks of the chain, one module per link; each answers for one cause."""
