"""What the page of fits is made of: a choice, its waterfall, and where it fits; values to trees."""
