"""Both sides of the wire: HTTP/1.1 with clients and with origins, on llhttp.

sweep.py       coarse time: one timer for every deadline
flow.py        the outbox (one write per turn of the loop) and what a coroutine waits on
state.py       where the reading of a connection stands
body.py        the content of a message on its way from one side to the other
message.py     heads: requests and answers, and how their bodies are delimited
connection.py  what both sides share: parsing, holding, pairing, closing
client.py      requests in, answers out
clients.py     those that are open now, and which of them goes when there are too many
listener.py    accepting, as long as there is room
origin.py      requests out, answers in
dial.py        addresses, TCP, TLS
pool.py        idle connections to one origin, and how many there may be
"""
