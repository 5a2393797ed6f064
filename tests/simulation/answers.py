"""What clients got: answers that are theirs, whole or visibly cut, and no trouble that could have been hidden."""

from proxy.core.backoff import BUDGET, WINDOW
from proxy.core.token_events import LoginFailed, LoginSucceeded, Reason, TokenEvent
from tests.simulation.asked import Answer, Arrival, Asked
from tests.simulation.checks import Checks, Knowledge
from tests.simulation.history import History
from tests.simulation.scenario import ONCE, Scenario

# What must have befallen a connection for an answer to be cut, or an error to be told.
CUTS = frozenset(("reset inside", "end inside", "malformed", "excess", "reset behind", "mute", "early"))
TROUBLE: dict[str, frozenset[str]] = {
    "connection_terminated": frozenset(
        ("reset", "vanish", "close behind", "reset behind", "closed idle", "mute", "early", "excess", *CUTS)
    ),
    "upstream_timeout": frozenset(("hang", "mute")),
    "bad_upstream": frozenset(("malformed", "excess")),
}
# A token that lives no longer may have died before the next one may be fetched, in seconds.
SHORT = 3.0


class Judge:
    """Looks at one answer after the other."""

    def __init__(self, scenario: Scenario, checks: Checks, history: History) -> None:
        self._scenario = scenario
        self._checks = checks
        self._history = history

    def judge(self, asked: Asked) -> None:
        """Look at what a client got for a request."""
        answer = asked.answer
        if answer is None:
            self._nothing(asked)
        elif answer.own:
            self._own(asked, answer)
        else:
            self._passed_on(asked, answer)

    def _broke(self, promise: str, asked: Asked, *values: object) -> None:
        self._history.broke(promise, f"n={asked.plan.number}", *values, sorted(asked.trouble), sorted(asked.reasons))

    def _nothing(self, asked: Asked) -> None:
        """There was no answer: the client had gone, or the gateway; or it had said that it would close."""
        # Nothing of an answer may have left when it is cut; and a later reset may destroy what was not read.
        cut = not CUTS.isdisjoint(asked.trouble) or "stall" in asked.reasons
        cut = cut or (asked.followed and (self._scenario.rough or "drips" in asked.reasons))
        if not (asked.left or cut or asked.lost == "behind" or self._checks.stopped(asked)):
            self._broke("a request gets an answer", asked, asked.lost)

    # --- the gateway's own answers
    def _own(self, asked: Asked, answer: Answer) -> None:
        code = answer.code
        if not answer.whole:
            if not (asked.left or self._checks.stopped(asked)):
                self._broke("the gateway's own answers are whole", asked)
        elif asked.plan.method != "HEAD" and not self._excused(asked, code):
            self._broke("an error has its reason", asked, code)
        if answer.status == 503 and int(answer.fields.get(b"retry-after", b"0")) < 1:
            self._broke("a 503 says when to come back", asked, code)

    def _excused(self, asked: Asked, code: str) -> bool:
        limits, faults = self._scenario.limits, self._history.faults
        match code:
            case "connection_refused":
                return faults["dial refused"] > 0
            case "connection_failed":
                return faults["dial hangs"] > 0 or limits.max_origin_connections < 10
            case "overloaded":
                return limits.max_in_flight < 10 or limits.max_origin_connections < 10
            case "bad_upstream" if faults["origin: excess"]:
                return True  # it may have come before the request had left
            case "login_rejected" | "login_unavailable":
                return self._no_login(asked, self._checks.gateways[asked.gateway])
            case _:
                return not TROUBLE.get(code, frozenset()).isdisjoint(asked.trouble)

    def _no_login(self, asked: Asked, known: Knowledge) -> bool:
        """Return whether the login did not work for a request, or might not be made."""
        ends = [
            event
            for at, event in known.events
            if at <= asked.decided and isinstance(event, LoginFailed | LoginSucceeded)
        ]
        last = ends[-1] if ends else None
        if not isinstance(last, LoginSucceeded) or last.lifetime < SHORT or self._checks.stopped(asked):
            return True
        return self._spent(asked, known) or self._scenario.lives.shortest < SHORT

    def _spent(self, asked: Asked, known: Knowledge) -> bool:
        """Return whether the login budget was spent; logins count from their start, which lies before their end."""
        ends = [at for at, event in known.events if charged(event) and at <= asked.decided]
        return len(ends) >= BUDGET and ends[-BUDGET] > asked.decided - WINDOW - self._scenario.login_timeout

    # --- the origin's answers
    def _passed_on(self, asked: Asked, answer: Answer) -> None:
        arrival = asked.arrivals[-1] if asked.arrivals else None
        if "malformed" in asked.trouble and (not answer.whole or asked.plan.method == "HEAD"):
            return  # the head was good
        if "excess" in asked.trouble:
            return  # what came too much may have looked like the answer to what was asked next
        if arrival is None or not arrival.answered or answer.status != arrival.status:
            self._broke("an answer is the origin's own", asked, answer.status)
        elif answer.fields.get(b"x-n") != b"%d" % asked.plan.number:
            self._broke("an answer belongs to its request", asked, answer.fields.get(b"x-n"))
        else:
            self._body(asked, answer, b"" if asked.plan.method == "HEAD" else arrival.payload)
            if arrival.refused:
                self._refusal(asked, answer, arrival)

    def _body(self, asked: Asked, answer: Answer, payload: bytes) -> None:
        if answer.whole and answer.body != payload:
            self._broke("what looks whole is whole", asked, len(answer.body), len(payload))
        elif not payload.startswith(answer.body):
            self._broke("what is cut begins as the whole does", asked)
        elif not (answer.whole or self._cut(asked)):
            self._broke("what came whole is passed on whole", asked, len(answer.body), len(payload))

    def _cut(self, asked: Asked) -> bool:
        """Return whether an answer may have been cut."""
        cut = not CUTS.isdisjoint(asked.trouble)
        # The reset that cuts the answer behind it takes with it what of this one has not left.
        return cut or asked.left or asked.followed or bool(asked.reasons) or self._checks.stopped(asked)

    def _refusal(self, asked: Asked, answer: Answer, arrival: Arrival) -> None:
        """A client may see a refusal that a replay did not mend, or where there could be none."""
        plan, limits = asked.plan, self._scenario.limits
        replayable = plan.path != ONCE and plan.size <= max(limits.replay_buffer, limits.replay_spool)
        marked = b"not replayable" in answer.fields.get(b"proxy-status", b"")
        if marked and replayable and not asked.trouble:
            self._broke("what can be replayed is", asked)
        if replayable and len(asked.arrivals) < 2 and arrival.hidden and not marked:
            self._broke("no refusal that could be hidden", asked, arrival.token)


def charged(event: TokenEvent) -> bool:
    """Return whether an event is the end of a login that counts."""
    return isinstance(event, LoginFailed) or (isinstance(event, LoginSucceeded) and event.reason is Reason.REFUSAL)
