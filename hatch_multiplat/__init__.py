"""One ordinary build, one executable for every platform a project lists."""
