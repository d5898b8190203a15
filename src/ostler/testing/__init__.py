"""What an author of an adapter imports: contract suites, the tiny models, a hub with faults."""
