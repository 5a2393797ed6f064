"""nginx and Envoy on the data path, configured by the very files of deploy/, with the gateway as their token source."""
