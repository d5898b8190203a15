"""The data path: relays requests to engines and everything else to the control API."""
