"""The mel prior of the embedded speech module: content frames laid on phone times, in the timbre of the reference."""
