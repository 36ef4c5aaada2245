"""Every question that is asked of the diary, a module for each subject. Nothing here writes."""
