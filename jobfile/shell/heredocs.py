"""Reads here-documents: their delimiters, and their texts after the next newline."""

from abc import ABC
from collections.abc import Sequence

from jobfile.model.dataclass import dataclass
from jobfile.shell.bash import BREAKS, BashWords
from jobfile.shell.places import BrokenError, LostError, Place, Word
from jobfile.shell.quoting import Dialect


@dataclass(frozen=True, slots=True)
class _Heredoc:
    start: int
    delimiter: str
    is_quoted: bool
    strips_tabs: bool
    texts: list[Word]


class Heredocs(BashWords, ABC):
    """Keeps the here-documents whose text has not been read yet."""

    def __init__(self, text: str, slots: Sequence[tuple[int, int]], dialect: Dialect) -> None:
        """See `Quotes`."""
        super().__init__(text, slots, dialect)
        self.heredocs: list[_Heredoc] = []

    def delimiter(self, begin: int, *, strips_tabs: bool) -> None:
        """Read the word that ends a here-document.

        Its quotes are removed, and nothing in it is expanded (XCU 2.7.4). If any part of it is quoted,
        nothing in the text is expanded either.
        """
        while self.skips_continuation() or self.skips_blank():
            pass
        first = self.at
        word = Word(first)
        outer, self.frame.word = self.frame.word, word
        while self.at < self.limit:
            if self.slot(Place.DELIMITER):
                raise LostError(self.at, "a template as a delimiter")
            sign = self.text[self.at]
            if sign in BREAKS:
                break
            if sign in "$`" or self.looks_at("\\\n"):
                raise LostError(begin, "this delimiter of a here-document")
            self.part_of_word(sign)
        self.frame.word = outer
        if self.at == first or "\n" in word.text or word.variables or word.inner or word.slots:
            raise LostError(first, "this delimiter of a here-document")
        # `texts` is the list of the command that is being read: the next command gets a new one.
        self.heredocs.append(
            _Heredoc(begin, word.text, not word.is_plain, strips_tabs, self.frame.texts),
        )
        self.waits_for_heredoc = True

    def read_heredocs(self) -> None:
        """Read the texts of the here-documents that began on the line that just ended."""
        waiting, self.heredocs = self.heredocs, []
        self.waits_for_heredoc = False
        for heredoc in waiting:
            self._text(heredoc)

    def _text(self, heredoc: _Heredoc) -> None:
        end, after = self._end(heredoc)
        place = Place.QUOTED_HEREDOC if heredoc.is_quoted else Place.HEREDOC
        frame, limit = self.frame, self.limit
        outer, word = frame.word, Word(self.at)
        frame.word, self.limit = word, end
        try:
            while self.at < end:
                if self.slot(place):
                    continue
                if heredoc.is_quoted:
                    self.literal()
                else:
                    self.inside_double(self.text[self.at])
        except BrokenError as error:  # shells differ on whether it may continue after the delimiter
            raise LostError(error.at, f"{error.what} that does not end in its here-document") from None
        heredoc.texts.append(word)
        frame.word, self.limit, self.at = outer, limit, after

    def _end(self, heredoc: _Heredoc) -> tuple[int, int]:
        """Where the line of the delimiter begins, and where the next line begins.

        Without quotes, a backslash joins a line with the next one before the comparison, so a joined line is
        not a delimiter.
        """
        begin = self.at
        while begin < self.limit:
            end = self._end_of_line(begin)
            line = self.text[begin:end]
            if (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.delimiter:
                return begin, min(end + 1, self.limit)
            while not heredoc.is_quoted and _is_continued(self.text[begin:end]) and end < self.limit:
                end = self._end_of_line(end + 1)
            begin = end + 1
        raise BrokenError(heredoc.start, f"the here-document {heredoc.delimiter}")

    def _end_of_line(self, begin: int) -> int:
        end = self.text.find("\n", begin, self.limit)
        return self.limit if end == -1 else end


def _is_continued(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
