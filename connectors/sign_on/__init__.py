"""Single sign-on by OpenID Connect: another server says who somebody is. An option.

places    which server that is, and which of its addresses are asked: the operator's settings
attempt   one try to sign in there, bound to one browser
wire      requests that are bounded in time and size, and go nowhere else
provider  the way there, and who came back
"""
