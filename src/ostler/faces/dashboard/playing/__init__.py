"""What the playground is made of: conversations, vectors and ranks as values, and how they look."""
