"""What people and programs see: command line, control API, gateway, hub."""
