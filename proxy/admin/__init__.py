"""The admin listener: health, status, metrics. It answers for the gateway, never for the platform.

listener.py    the application and its listening socket
guard.py       who may ask
exposition.py  the counters in Prometheus' form

The inspector (`proxy/inspector/`) adds routes of its own.
"""
