"""Where job files come from: folders, editors and git, each as one set of files."""
