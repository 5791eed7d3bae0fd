"""What the tool does when it is disturbed: the page of all cases, and the long runs that are no tests."""
