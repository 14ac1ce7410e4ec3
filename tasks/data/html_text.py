"""HTML in texts: its tags, its entities, nothing that only looks like them.

A text may hold "a < b and c > d", the heart <3, an address in angle brackets, or "if a<b then c>d". A tag is one of the
names that HTML has or had, with attributes that have values, or that are known to have none.
"""

import html
import re

ELEMENTS = """
a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body br
button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed
fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img
input ins isindex kbd keygen label legend li link main map mark marquee menu menuitem meta meter nav nobr noembed
noframes noscript object ol optgroup option output p param picture plaintext pre progress q rb rp rt rtc ruby s samp
script search section select slot small source spacer span strike strong style sub summary sup svg table tbody td
template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
"""
WITHOUT_VALUE = """
allowfullscreen async autofocus autoplay checked compact controls default defer disabled formnovalidate hidden ismap
itemscope loop multiple muted nomodule noresize noshade novalidate nowrap open playsinline readonly required reversed
selected
"""

_NAME = "|".join(ELEMENTS.split())
_OFFICE = "[ovwm]:[a-z]+|st1:[a-z]+"  # what Word and Outlook add
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>=`]+)"""
_ATTRIBUTE = rf"\s+(?:[a-z_:@][-\w:.]*\s*=\s*{_VALUE}|(?:{'|'.join(WITHOUT_VALUE.split())})(?=[\s/>]))"
# It takes no longer than the text is long, whatever stands there: no part is read twice for one that does not end.
TAG = re.compile(
    rf"<(?:{_NAME}|{_OFFICE})(?:{_ATTRIBUTE})*+\s*+/?>|</(?:{_NAME}|{_OFFICE})\s*>|<!doctype\b[^<>]*>|<!--(?:(?!<!--).)*?-->",
    re.IGNORECASE | re.DOTALL,
)
# With its semicolon: "a.html?x=1&copy=2" holds no sign of copyright.
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


def without_tags(text: str) -> str:
    """Return a text in which entities are the letters that they stand for, and each tag or comment is a space."""
    if "&" in text:
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return TAG.sub(" ", text) if "<" in text else text
