"""What a process gives up for good: Landlock, seccomp, limits. Standard library only; scripts' children load it too."""
