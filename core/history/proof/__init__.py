"""What shows that the record is whole: verification, checkpoints, exported files."""
