"""The forms: from surfaces and parameters to tasks, a module for each family."""
