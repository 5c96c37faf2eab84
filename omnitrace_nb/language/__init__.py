"""Reading text with spaCy: sentences, coordinated clauses, parts of speech; shared by sources and statements.

Nothing here is imported before a text has to be read, so that a saved trace opens without spaCy.
"""

from omnitrace_nb.language.reading import Reading, read

__all__ = ["Reading", "read"]
