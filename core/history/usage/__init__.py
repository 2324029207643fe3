"""Calls of models in SQL: rows, sums by the hour, and day totals made anew."""
