"""Where the time of an exchange went, and why it went as it did, in words."""

from proxy.inspector.entry import Entry, Span

TOKEN, CONNECT, ANSWER, TRANSFER = "token", "connect", "answer", "transfer"
REPLAYS = {
    "accepted": "the gateway got a newer token and sent the request once more, which was accepted",
    "refused": "the gateway got a newer token and sent the request once more, which was refused too and passed on",
    "failed": "the gateway got a newer token and sent the request once more, which failed",
    "impossible": "the body could not be sent again, so the refusal was passed on; the next request gets a newer token",
}
LOGINS = {
    "expiry": "It caused a login: there was no live token.",
    "refusal": "It caused a login: the token had been refused.",
}


def phases(entry: Entry) -> list[Span]:
    """Return the stretches of an exchange in order: waits for a token and for a connection, first byte, transfer.

    Of one that was shed nobody knows when its answer began: the waits alone are there.
    """
    if entry.shed:
        return sorted(entry.spans, key=lambda span: span.start)
    found: list[Span] = []
    at, end = 0.0, entry.took
    answered = end if entry.answered is None else min(entry.answered, end)
    for span in sorted(entry.spans, key=lambda span: span.start):
        if span.start > at:
            found.append(Span(ANSWER, at, span.start))
        found.append(Span(span.what, max(span.start, at), max(span.end, at)))
        at = max(span.end, at)
    if answered > at:
        found.append(Span(ANSWER, at, answered))
    if entry.answered is not None and end > answered:
        found.append(Span(TRANSFER, answered, end))
    return found


def total(entry: Entry, what: str) -> float:
    """Return how long an exchange spent in all stretches of one kind, in seconds."""
    return sum((span.end - span.start for span in phases(entry) if span.what == what), 0.0)


def reasons(entry: Entry) -> list[str]:
    """Return what there is to explain about an exchange; nothing for one that went straight through."""
    fact, told = entry.fact, []
    for refusal in entry.refusals[:1]:
        became = REPLAYS.get(fact.replay or "", "the refusal was passed on as it came")
        told.append(f"The origin refused the token with {refusal.status} after {refusal.at * 1000:.0f} ms; {became}.")
    if entry.login is not None:
        told.append(LOGINS[entry.login])
    elif waited := total(entry, TOKEN):
        told.append(f"It waited {waited * 1000:.0f} ms for a token; the login was another's.")
    if fact.attempts > 1 and not entry.refusals:
        told.append("It was sent again: the origin had closed the connection that lay idle.")
    told += endings(entry)
    if entry.shed:
        told.append("Its fields, its bodies and when its answer began were not kept: too much passed at that time.")
    return told


def endings(entry: Entry) -> list[str]:
    """Return how an exchange ended, where it did not as the origin meant it to."""
    fact, told = entry.fact, []
    if entry.detail:
        told.append(f"The gateway answered for itself ({fact.code}): {entry.detail}")
    elif fact.code is not None:
        told.append(f"The gateway ended it ({fact.code}).")
    if fact.cut:
        told.append("The answer was cut short.")
    if fact.cause:
        told.append(f"Cause: {fact.cause}")
    if not fact.status and not fact.code:
        told.append("The client left before there was an answer.")
    return told
