"""What a person wants to be told of outside of the page, and what they were told."""
