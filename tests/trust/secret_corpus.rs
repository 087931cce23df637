//! GP501 finds leaks and leaves harmless texts alone, measured on a corpus.
