"""Archives, what proves that a file may go, restoring, and what fills a drive."""
