"""Who may call, and browsers: over raw sockets, on both loops."""
