"""One folder per app, everything about one vendor in it; the catalogue finds them by themselves."""
