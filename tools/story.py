"""What the demo shows: numbered chapters, lines, trees, and checks that end it when they fail."""

from collections.abc import Sequence

from rich.console import Console

SPEAKER = 18


class Unseen(Exception):
    """Something that the demo is there to show did not happen."""


class Story:
    """The teller. Without a terminal it tells the same in plain text."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._chapters = 0
        self._speaker = ""

    def chapter(self, title: str) -> None:
        """Begin the next chapter."""
        self._chapters += 1
        self.line()
        self._console.print(f"{self._chapters}  {title}", style="bold")

    def line(self, text: str = "", style: str = "") -> None:
        """Tell one thing."""
        self._end_speech()
        self._console.print(f"   {text.rstrip()}" if text else "", style=style)

    def tree(self, root: str, branches: Sequence[str]) -> None:
        """Tell what belongs to one thing."""
        self.line(root)
        for branch in branches:
            self.line(f"{'└──' if branch is branches[-1] else '├──'} {branch}")

    def word(self, speaker: str, word: str) -> None:
        """Tell what somebody says, word by word on one line."""
        if speaker != self._speaker:
            self._end_speech()
            self._console.print(f"   {speaker + ':':<{SPEAKER}}", end="", style="dim")
        self._speaker = speaker
        self._console.print(word, end="", style="cyan")

    def check(self, what: str, seen: object) -> None:
        """Tell that something was seen; raises Unseen when it was not."""
        if not seen:
            raise Unseen(what)
        self.line(f"✓ {what}", style="green")

    def failed(self, why: str) -> None:
        """Tell why it ends here."""
        self.line(f"✗ {why}", style="bold red")

    def _end_speech(self) -> None:
        if self._speaker:
            self._console.print()
        self._speaker = ""
