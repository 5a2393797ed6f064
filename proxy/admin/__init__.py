"""The admin listener: health, status, metrics. It answers for the gateway, never for the platform.

listener.py    the application
door.py        accepting, also where no file is left
guard.py       who may ask, and what
answers.py     what it says
exposition.py  the counters in Prometheus' form

The inspector (`proxy/inspector/`) adds routes of its own.
"""
