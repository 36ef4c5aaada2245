"""What ``manage.py doctor`` looks at: is this installation as it should be, and if not, what now?

A check is a function that is told of the installation and of the moment, and yields what it found;
examination.py has the list of them. What health checks and metrics already answer is asked there.
No finding quotes a secret.
"""
