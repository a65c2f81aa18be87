"""Context to suggestion: the one prompt function, the decoding policy, the filters."""
