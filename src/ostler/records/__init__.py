"""What Ostler remembers beside the models: measurements, events, keys; one database."""
