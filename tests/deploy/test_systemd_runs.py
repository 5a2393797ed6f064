"""The units for systemd, as a systemd runs them: readiness, keys, shutting in, reload, restart, watchdog, the end."""

import re
import shutil
from pathlib import Path

import pytest

from tests.deploy.test_documentation import PAGE
from tests.deploy.units import CONFIG, FOLDER
from tests.fakes.image import Image
from tests.fakes.systemd import booted

pytestmark = pytest.mark.long  # it boots, with the image's program

SANDBOX = "[Service]\nExecStart=/opt/iam-proxy/bin/iam-proxy sandbox\n"
WORDS = """
fact() { printf '%s=%s\\n' "$1" "$2"; }
of() { systemctl show --property "$1" --value iam-proxy.service; }
ask() { curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' "$@"; }
until_() { for _ in $(seq 600); do "$@" && return; read -r -t 0.05 <> <(:) || :; done; echo "never: $*"; return 1; }
gateway=http://127.0.0.1:8080
cd /host
systemctl start sandbox.service
until_ ask http://127.0.0.1:9902/_sandbox/state > /dev/null
"""
KEYS = """
printf demo-key > /etc/iam-proxy/keys/apikey
printf demo-secret > /etc/iam-proxy/keys/secretkey
"""
SERVES = """
fact state "$(of ActiveState) $(of StatusText)"
fact answer "$(ask $gateway/qb/query)"
fact upload "$(head -c 3000000 /dev/zero | ask --data-binary @- $gateway/echo/x)"
process=/proc/$(of MainPID)
fact shut "$(grep -E '^(CapPrm|CapBnd|NoNewPrivs|Seccomp):' $process/status | tr -s '\\t\\n' '  ')"
fact root "$(grep -cE '^Uid:.0\\b' $process/status || :)"
fact tokens "$(stat --format %a /var/lib/private/iam-proxy/tokens.json)"
"""
RELOADS = """
before=$(of MainPID)
sed -i 's/^credential = .*/&\\nmethods = ["GET"]/' /etc/iam-proxy/iam-proxy.toml
systemctl reload iam-proxy.service
refused() { [ "$(ask --request POST $gateway/qb/query)" = 405 ]; }
until_ refused
fact reloaded "$([ "$before" = "$(of MainPID)" ] && echo same)"
"""
RESTARTS = """
while [ ! -e /tmp/restarted ]; do
  status=$(ask $gateway/qb/query) && echo "answered $status" || echo "failed $?"
done > /tmp/ends &
systemctl restart iam-proxy.service
touch /tmp/restarted
wait $!
fact restarted "$([ "$before" = "$(of MainPID)" ] || echo another)"
fact answers "$(grep answered /tmp/ends | sort --unique)"
fact failed "$(grep -c failed /tmp/ends || :)"
cat /tmp/ends
"""
HANGS = """
mkdir /etc/systemd/system/iam-proxy.service.d
printf '[Service]\\nWatchdogSec=1s\\n' > /etc/systemd/system/iam-proxy.service.d/soon.conf
systemctl daemon-reload
systemctl restart iam-proxy.service
kill -STOP "$(of MainPID)"
again() { [ "$(of NRestarts)" = 1 ] && [ "$(of ActiveState)" = active ]; }
until_ again
fact hung "$(ask $gateway/qb/query)"
"""
ENDS = """
systemctl stop iam-proxy.socket iam-proxy.service
fact ended "$(of Result) $(of ExecMainStatus)"
fact logins "$(curl --silent http://127.0.0.1:9902/_sandbox/state | grep -o '"logins": [0-9]*')"
echo 'nonsense = 1' > /etc/iam-proxy/iam-proxy.toml
systemctl start iam-proxy.service || :
fact wrong "$(of ActiveState) $(of ExecMainStatus) $(of NRestarts)"
"""


def commands() -> tuple[str, str]:
    """Return what docs/operations.md says to type, without pip: all but the last line, and that."""
    (block,) = re.findall(r"```sh systemd\n(.*?)```", PAGE, re.DOTALL)
    *lines, last = [line for line in block.splitlines() if "/opt/iam-proxy" not in line]
    return "\n".join(lines), f"{last}\n"


async def test_a_life_under_systemd(image: Image, tmp_path: Path) -> None:
    """Installed by the page's commands, with all that shuts it in, it does what the page says of it."""
    shutil.copytree(FOLDER, tmp_path / "deploy" / "systemd")
    text = re.sub(r'"https://.*"', '"http://127.0.0.1:9902"', CONFIG.read_text(encoding="utf-8"))
    (tmp_path / "deploy" / "systemd" / CONFIG.name).write_text(text, encoding="utf-8")
    install, start = commands()
    script = [WORDS, install, KEYS, start, SERVES, RELOADS, RESTARTS, HANGS, ENDS]
    printed = await booted(image, "".join(script), tmp_path, **{"sandbox.service": SANDBOX})
    facts = dict(re.findall(r"^(\w+)=(.*?) *$", printed, re.MULTILINE))
    none = "0000000000000000"
    assert facts == {
        "state": "active listening on 127.0.0.1:8080",
        "answer": "200",
        "upload": "200",
        "shut": f"CapPrm: {none} CapBnd: {none} NoNewPrivs: 1 Seccomp: 2",
        "root": "0",
        "tokens": "600",
        "reloaded": "same",
        "restarted": "another",
        "answers": "answered 200",
        "failed": "0",
        "hung": "200",
        "ended": "success 0",
        "logins": '"logins": 1',
        "wrong": "failed 2 0",
    }, printed
