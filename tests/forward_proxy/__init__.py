"""Programs that only know `http_proxy`, with the gateway as a process of its own for their proxy."""
