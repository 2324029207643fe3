"""What people see: pages, fragments and live updates. No Redis, no key names."""
