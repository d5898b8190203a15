"""Makes the constants of the memory model from rows of measured memory."""
