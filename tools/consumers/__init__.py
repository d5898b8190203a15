"""The programs that exports are written for, so that tests can hold what we write against them."""
