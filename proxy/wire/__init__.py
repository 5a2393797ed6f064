"""Both sides of the wire: HTTP/1.1 with clients and with origins, on llhttp.

sweep.py             coarse time: one timer for every deadline
flow.py              the outbox (one write per turn of the loop) and what a coroutine waits on
state.py             where the reading of a connection stands
body.py, kept.py     the content of a message on its way from one side to the other; what is kept to send it again
request.py           what a request says before its body; target.py: what it asks for
chunks.py            the chunked coding of requests
answer.py, date.py   heads of answers
connection.py        what both sides share: parsing, holding, pairing, closing
client_reader.py     requests in
client_deadlines.py  how long a client may take, and how its connection ends
client.py            requests one by one, answers out
clients.py           those that are open now, and which of them goes when there are too many
listener.py          accepting, as long as there is room
handshake.py         TLS with clients, from their connecting to their first byte that is read
origin_reader.py     answers in
origin.py            requests out
tunnel.py            two connections joined behind a 101
dial.py              addresses, TCP, TLS; decrypted.py: what comes by way of TLS, read into one buffer
pool.py              idle connections to one origin, and how many there may be
"""
