"""Where tokens come from: a login, one for all who wait for it, and its token kept live."""
