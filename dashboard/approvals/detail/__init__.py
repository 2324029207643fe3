"""What stands beside a request: what was approved before it, its asker, its kind, and what people say of it."""
