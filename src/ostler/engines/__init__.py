"""What each engine can do and how its process is described; one file per engine."""
