"""Ratings of stages, and the advice that follows from them."""
