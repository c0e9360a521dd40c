"""Month names as glibc prints them (`%b`) in the languages that people run journalctl in."""

from __future__ import annotations

import functools
import unicodedata

# Twelve names a language, in order; without accents, dots and case, as `fold` makes them.
_NAMES = (
    "jan feb mar apr may jun jul aug sep oct nov dec",  # en
    "jan feb mar apr mai jun jul aug sep okt nov dez",  # de
    "janv fevr mars avril mai juin juil aout sept oct nov dec",  # fr
    "ene feb mar abr may jun jul ago sep oct nov dic",  # es
    "gen feb mar apr mag giu lug ago set ott nov dic",  # it
    "jan fev mar abr mai jun jul ago set out nov dez",  # pt
    "jan feb mrt apr mei jun jul aug sep okt nov dec",  # nl
    "sty lut mar kwi maj cze lip sie wrz paz lis gru",  # pl
    "янв фев мар апр май июн июл авг сен окт ноя дек",  # ru
    "янв фев марта апр мая июня июля авг сент окт нояб дек",  # ru, as in a date
    "led uno bre dub kve cvn cvc srp zar rij lis pro",  # cs
    "led uno bre dub kve cen cec srp zar rij lis pro",  # cs, glibc
    "jan feb mar apr maj jun jul aug sep okt nov dec",  # sv, da
    "tammi helmi maalis huhti touko kesa heina elo syys loka marras joulu",  # fi
    "ian feb mar apr mai iun iul aug sep oct noi dec",  # ro
    "ian feb mar apr mai iun iul aug sept oct nov dec",  # ro
    "jan febr marc apr maj jun jul aug szept okt nov dec",  # hu
    "oca sub mar nis may haz tem agu eyl eki kas ara",  # tr
    "січ лют бер кві тра чер лип сер вер жов лис гру",  # uk
    "jan feb mars april mai juni juli aug sep okt nov des",  # nb
)


def fold(name: str) -> str:
    """Lower case, without accents and without the dot of an abbreviation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter != "." and not unicodedata.combining(letter))


_NUMBERS = {fold(name): number for names in _NAMES for number, name in enumerate(names.split(), 1)}


@functools.lru_cache(maxsize=1024)
def month_number(name: str) -> int:
    """1 to 12, or 0 for what is no month in any known language. `11月` is read by its number."""
    head = name.removesuffix("月")
    if head != name and head.strip().isdecimal():
        return int(head)
    return _NUMBERS.get(fold(name), 0)
