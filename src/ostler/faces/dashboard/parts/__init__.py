"""Parts that several pages are made of: functions from values to trees."""
