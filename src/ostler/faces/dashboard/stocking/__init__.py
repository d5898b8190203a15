"""What the page of models is made of: kept models, searches, plans, work; values to trees."""
