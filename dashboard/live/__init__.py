"""Live updates: the follower, its sockets, and the page that shows them."""
