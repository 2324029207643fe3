"""The page of files of the record."""
