"""Greets people by name."""


def greet( name : str )->str :
    """A greeting for `name`; strangers are greeted too."""
    return f"Hello, {name.strip() or 'stranger'}!"
