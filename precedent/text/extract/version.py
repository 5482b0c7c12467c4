"""The version of the extractors; apart from them, so that the asset graph can be read without them."""

# Part of a document's identity: raise it when the same record would give another text.
EXTRACTOR_VERSION = "1"
