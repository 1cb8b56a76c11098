"""Tell what a mail says from what it quotes."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# The line before a quotation: “On 3 May 2024, Bob wrote:” in the languages of common programs.
ATTRIBUTION = re.compile(
    r"^(?:On|Am|Le|El|Il|Em|Op|Den|Dnia|W dniu|Vào|在|20\d\d).{4,300}?"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał\(?a?\)?"
    r"|написал\(?а?\)?|写道|のメール)\s?[:：]$",
    re.IGNORECASE,
)
# The beginning of the mail that an answer or a forwarded mail ends with.
ORIGINAL = re.compile(
    r"^[-_=*\s]{2,}\s?(?:Original Message|Forwarded message|Begin forwarded message"
    r"|Ursprüngliche Nachricht|Weitergeleitete Nachricht|Message d'origine|Message transféré"
    r"|Mensaje original|Messaggio originale|Mensagem original|Oorspronkelijk bericht)"
    r"|^_{20,}$|^Begin forwarded message:$",
    re.IGNORECASE,
)
HEADER = re.compile(r"^\*?(?:From|Von|De|Da|Van)\s?:\*?\s.{0,200}$", re.IGNORECASE)
NEXT_HEADER = re.compile(
    r"^\*?(?:Sent|Date|To|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Para|Asunto"
    r"|Inviato|Verzonden|Aan)\s?:",
    re.IGNORECASE,
)
QUOTES = (">", "|")
SIGNATURE = "-- "
BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table"}
HIDDEN = {"script", "style", "head", "title", "blockquote", "template"}


def own_words(text: str) -> tuple[str, str]:
    """Return what the writer of a mail wrote, and what the mail quotes."""
    own: list[str] = []
    quoted: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for place, line in enumerate(lines):
        if line == SIGNATURE or _begins_original(lines, place):
            quoted += lines[place:]
            break
        if (line.startswith(QUOTES) and not line.startswith("||")) or (
            line[-1:] in {":", "："} and _is_attribution(lines, place)
        ):
            quoted.append(line)
        else:
            own.append(line)
    return "\n".join(own).strip(), "\n".join(quoted).strip()


def _begins_original(lines: list[str], place: int) -> bool:
    line = lines[place]
    if line[:1] in "-_=*B" and ORIGINAL.match(line):
        return True
    return HEADER.match(line) is not None and any(
        NEXT_HEADER.match(later) for later in lines[place + 1 : place + 3]
    )


def _is_attribution(lines: list[str], place: int) -> bool:
    """Return whether a quotation follows; programs break the line before it in two."""
    line = lines[place].strip()
    if not ATTRIBUTION.match(line):
        line = f"{lines[place - 1].strip()} {line}" if place else line
    is_quoted = any(later.startswith(QUOTES) for later in lines[place + 1 : place + 4])
    return ATTRIBUTION.match(line) is not None and (is_quoted or len(line) < 200)


class TextOfHTML(HTMLParser):
    """Collects the text of a mail in HTML, and that of its quotations."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.own: list[str] = []
        self.quoted: list[str] = []
        self.hidden: list[str] = []
        self.quote_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, or something that is not the writer's."""
        if self.hidden and tag == self.hidden[-1]:
            self.quote_depth += 1
        elif not self.hidden and (tag in HIDDEN or _is_quote(attrs)):
            self.hidden.append(tag)
            self.quote_depth = 1
        if tag in BLOCKS:
            self._add("\n")

    def handle_endtag(self, tag: str) -> None:
        """End a block, or what is not the writer's."""
        if self.hidden and tag == self.hidden[-1]:
            self.quote_depth -= 1
            if not self.quote_depth:
                self.hidden.pop()
        if tag in BLOCKS and tag != "br":
            self._add("\n")

    def handle_data(self, data: str) -> None:
        """Add text; a line end in HTML is a blank."""
        self._add(re.sub(r"\s+", " ", data))

    def _add(self, text: str) -> None:
        if not self.hidden:
            self.own.append(text)
        elif self.hidden[0] not in {"script", "style", "head", "title", "template"}:
            self.quoted.append(text)


def _is_quote(attributes: list[tuple[str, str | None]]) -> bool:
    marks = " ".join(value or "" for name, value in attributes if name in {"class", "id"})
    return "gmail_quote" in marks or "yahoo_quoted" in marks or "divRplyFwdMsg" in marks


def text_of_html(html: str) -> tuple[str, str]:
    """Return the writer's text of a mail in HTML, and what it quotes."""
    parser = TextOfHTML()
    parser.feed(html)
    parser.close()
    own, quoted = (
        re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(parts)))
        for parts in (parser.own, parser.quoted)
    )
    return own.strip(), quoted.strip()
