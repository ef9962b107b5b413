"""The report: one page of HTML that says how things stand, made from a store."""
