"""How amounts, times and text from outside are shown."""
