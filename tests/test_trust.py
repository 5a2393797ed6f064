"""How origins are verified, from one configuration to the next."""

from pathlib import Path

import pytest
import trustme

from proxy.core.credential import Verification
from proxy.errors import StartError
from proxy.trust import trusts


def test_a_context_lasts_as_long_as_its_file(tmp_path: Path) -> None:
    """One for each verification; made anew only where the file holds something else."""
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    usual, own = Verification(), Verification(str(file))
    first = trusts([usual, own, usual], {})
    second = trusts([usual, own], first)
    assert (second[usual] is first[usual], second[own] is first[own], len(first)) == (True, True, 2)
    trustme.CA().cert_pem.write_to_path(file)
    third = trusts([own], second)
    assert (third[own] is second[own], list(third)) == (False, [own])


def test_a_file_that_is_not_there_or_holds_no_certificate(tmp_path: Path) -> None:
    """Its name is said; a context from before does not hide it."""
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    own = Verification(str(file))
    known = trusts([own], {})
    file.write_text("nothing")
    with pytest.raises(StartError, match=r"ca_file .*ca\.pem"):
        trusts([own], known)
    file.unlink()
    with pytest.raises(StartError, match=r"ca_file .*ca\.pem: .*No such file"):
        trusts([own], known)
