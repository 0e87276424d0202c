"""Out of HTML: title, text by paragraphs, links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

_BLOCKS = frozenset({"p", "li", "h2", "h3", "blockquote", "td"})
_HIDDEN = frozenset({"script", "style", "nav", "footer", "head"})


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says and where it leads."""

    url: str  # path and query: the same whichever color served it
    title: str
    body: str  # paragraphs with an empty line between
    links: tuple[str, ...]


@dataclass
class _Reader(HTMLParser):
    title: str = ""
    paragraphs: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and not _HIDDEN & set(self.open_tags):
            self.hrefs.extend(value for name, value in attrs if name == "href" and value)
        if tag in _BLOCKS and not _HIDDEN & set(self.open_tags):
            self.paragraphs.append("")
        if tag in _BLOCKS | _HIDDEN | {"title"}:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open_tags and self.open_tags.pop() != tag:
            pass  # an unclosed paragraph ends with what it stood in

    def handle_data(self, data: str) -> None:
        if "title" in self.open_tags:
            self.title += data
        elif self.paragraphs and _BLOCKS & set(self.open_tags) and not _HIDDEN & set(self.open_tags):
            self.paragraphs[-1] += data


def read_page(url: str, html: str) -> Page:
    """Return the content of *html*; its links are those to the same site."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    paragraphs = (" ".join(paragraph.split()) for paragraph in reader.paragraphs)
    title = " ".join(reader.title.split()) or url
    return Page(url, title, "\n\n".join(filter(None, paragraphs)), _links(url, reader.hrefs))


def _links(url: str, hrefs: list[str]) -> tuple[str, ...]:
    targets = {urldefrag(urljoin(url, href)).url for href in hrefs}
    return tuple(sorted(target for target in targets - {url} if target.startswith("/") and target[1:2] != "/"))
