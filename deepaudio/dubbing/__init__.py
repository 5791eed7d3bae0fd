"""From files to files: dub, foley, read aloud, in batches, with records."""
