"""A described process written down for something else to start; one file per format. Pure."""
