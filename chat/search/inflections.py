"""List the inflected forms of an English word: invoice, invoices, invoiced, invoicing.

The index holds words as written, so that a prefix and a quoted phrase match exactly; the forms
are added to the query instead. A form that does not exist costs one lookup in the index.
"""

import re
from collections.abc import Iterator

MAX_FORMS = 24
SIBILANT = re.compile("(s|x|z|ch|sh)$")
VOWEL = re.compile("[aeiouy]")
# One vowel before the last consonant doubles that consonant: stop, stopped.
DOUBLED = re.compile("(^|[^aeiou])[aeiou][bcdfghjklmnpqrstvz]$")
IRREGULAR = [
    set(group.split())
    for group in """
    become becomes became becoming
    begin begins began begun beginning
    break breaks broke broken breaking
    bring brings brought bringing
    build builds built building buildings
    buy buys bought buying
    catch catches caught catching
    child children
    choose chooses chose chosen choosing
    come comes came coming
    do does did done doing
    draw draws drew drawn drawing drawings
    drink drinks drank drunk drinking
    drive drives drove driven driving
    eat eats ate eaten eating
    fall falls fell fallen falling
    feel feels felt feeling feelings
    fight fights fought fighting
    find finds found finding findings
    fly flies flew flown flying
    foot feet
    forget forgets forgot forgotten forgetting
    get gets got gotten getting
    give gives gave given giving
    go goes went gone going
    grow grows grew grown growing
    half halves
    hear hears heard hearing
    hold holds held holding
    index indexes indices indexed indexing
    keep keeps kept keeping
    knife knives
    know knows knew known knowing
    lead leads led leading
    leaf leaves
    leave leaves left leaving
    life lives
    lose loses lost losing
    make makes made making
    man men
    mean means meant meaning meanings
    meet meets met meeting meetings
    mouse mice
    pay pays paid paying
    person persons people
    read reads reading readings
    ride rides rode ridden riding
    rise rises rose risen rising
    run runs ran running
    say says said saying
    see sees saw seen seeing
    sell sells sold selling
    send sends sent sending
    sing sings sang sung singing
    sit sits sat sitting
    sleep sleeps slept sleeping
    speak speaks spoke spoken speaking
    spend spends spent spending
    stand stands stood standing
    swim swims swam swum swimming
    take takes took taken taking
    teach teaches taught teaching
    tell tells told telling
    think thinks thought thinking
    throw throws threw thrown throwing
    tooth teeth
    understand understands understood understanding
    wear wears wore worn wearing
    wife wives
    win wins won winning
    woman women
    write writes wrote written writing writings
    """.strip().splitlines()
]


def inflections(word: str) -> list[str]:
    """Return `word`, then its other forms in alphabetical order; 24 at most."""
    forms: set[str] = set()
    if len(word) > 2 and word.isascii() and word.isalpha():
        for base in _bases(word):
            forms.update(_inflected(base))
        for group in IRREGULAR:
            if word in group:
                forms |= group
    return [word, *sorted(forms - {word})[: MAX_FORMS - 1]]


def _bases(word: str) -> Iterator[str]:
    """Yield the words that `word` may be a form of, and `word` itself."""
    yield word
    if word.endswith(("ies", "ied")) and len(word) > 4:
        yield word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        yield word[:-1]
        if word.endswith("es") and (SIBILANT.search(word[:-2]) or word.endswith("oes")):
            yield word[:-2]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1 and VOWEL.search(stem) and not word.endswith("eed"):
            yield stem
            yield stem + "e"
            if len(stem) > 3 and stem[-1] == stem[-2]:
                yield stem[:-1]


def _inflected(base: str) -> Iterator[str]:
    """Yield a base word and its regular forms."""
    yield base
    consonant_y = base.endswith("y") and base[-2:-1] not in "aeiou"
    if consonant_y:
        yield from (base[:-1] + "ies", base[:-1] + "ied", base + "ing")
        return
    yield base + ("es" if SIBILANT.search(base) else "s")
    if base.endswith("o"):
        yield base + "es"
    if base.endswith("e"):
        yield from (base + "d", base[:-1] + "ing")
        return
    yield from (base + "ed", base + "ing")
    if DOUBLED.search(base):
        yield from (base + base[-1] + "ed", base + base[-1] + "ing")
