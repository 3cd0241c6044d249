"""Where job files come from: folders, editors and git, each as one set of files."""

__all__ = [
    "file_reader",
    "file_scan",
    "file_sets",
    "first_files",
    "folder",
    "folder_watch",
    "git",
    "git_export",
    "git_revisions",
    "git_tree",
    "includes",
    "shell_syntax",
    "watched_folders",
]
