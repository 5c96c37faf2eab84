"""Reading text with spaCy: sentences, coordinated clauses, parts of speech; shared by sources and statements.

spaCy itself is imported only when a text has to be read, so that a saved trace opens without it.
"""

from omnitrace_nb.language.clauses import clauses
from omnitrace_nb.language.sentences import Interval, sentences
from omnitrace_nb.language.words import words

__all__ = ["Interval", "clauses", "sentences", "words"]
