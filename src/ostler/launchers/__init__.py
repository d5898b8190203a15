"""How a described process is made real; one file per way."""
