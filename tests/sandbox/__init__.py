"""The bundled platform."""
