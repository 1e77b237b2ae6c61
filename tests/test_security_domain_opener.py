"""The opener itself, held against the published format's known answers."""

from itertools import permutations

import pytest

from tests.security_domain_opener import combine_shares, decrypt, derive_key

MASTER_KEY = bytes(range(32))
SHARES = [
    "03020b0213021b0223022b0233023b0243024b0253025b0263026b0273027b0283028b0293029b02a302ab02b302bb02c302cb02d302db02e302eb02f302fb02",
    "06041504240433044204510460046f047e048d049c04ab04ba04c904d804e704f604040413042204310440044f045e046d047c048b049a04a904b804c704d604",
    "09061f0635064b06610677068d06a306b906cf06e506fb06100626063c06520668067e069406aa06c006d606ec06010617062d06430659066f0685069b06b106",
]
DATUM = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiaHNtX2JhY2t1cCJ9..EBESExQVFhcYGRobHB0eHw."
    "8_H8eVaHPWhBzFsin4b0FrCYHAmHVk1b05W6ZLVOGvw.Jy73oRpmYEsOtP12eiglTd6TgGtztHJ-ZsRru_5qLAs"
)


@pytest.mark.parametrize("chosen", list(permutations(SHARES, 2)))
def test_any_two_shares_give_the_master_key(chosen: tuple[str, str]) -> None:
    assert combine_shares([bytes.fromhex(share) for share in chosen]) == MASTER_KEY


def test_one_share_does_not() -> None:
    assert combine_shares([bytes.fromhex(SHARES[0])]) != MASTER_KEY


def test_derives_the_published_key_and_decrypts_the_published_datum() -> None:
    key = derive_key(MASTER_KEY, "hsm_backup")
    assert key.hex().startswith("2d34f55a1dd64e68d793ce19439e032e")
    assert decrypt(DATUM, key) == b"simulated hsm backup"
