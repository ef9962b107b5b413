"""How fast, how big: each module here measures one thing and holds it against what the design asks for."""
