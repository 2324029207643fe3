"""The page on how the site itself is doing."""
