"""The inspector: what passes through the gateway, for whoever sits before it. Off unless `admin.inspector` says so.

capture.py      an exchange that notes what is told of it, and what becomes of the notes
redaction.py    what of them may be kept
preview.py      the beginning of a body, as it passes
entry.py        what is kept of an exchange
ring.py         the last entries, bounded by bytes
shown.py        an entry as the page reads it
har.py          entries in HTTP Archive form
curl.py         an entry as a command line
again.py        a request sent once more, through the gateway
feed.py         who is told of what is new
application.py  the routes, on the admin listener
static/         the page
"""
