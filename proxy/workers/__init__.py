"""Several processes as one gateway: a supervisor that owns sockets and tokens, and workers that serve.

channel.py   messages between the two
remote.py    a worker's token source: the supervisor's, at the other end of the channel
desk.py      the supervisor's side of it
"""
