"""What every page of the admin site shares: whose records, words for times, fields."""
