"""What answers there are beside yes and no at once: one that can be taken back, with changes, later."""
