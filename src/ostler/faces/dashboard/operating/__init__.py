"""What the page of deployments shows: functions from what the API says to trees."""
