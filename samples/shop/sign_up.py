"""What the shop's web page does when a customer signs up: it submits the welcome mail, and does not wait.

The key is made from the customer's number, so a form that is sent twice makes one run. Real pages submit
after their database has committed; docs/client.md has the example for Django.
"""

import argparse
import sys

from jobfile.client import InvalidParamsError, SubmitError, submit

TRY_AGAIN = 75
"""Exit code (EX_TEMPFAIL): the same may work later."""
REFUSED = 64
"""Exit code (EX_USAGE): this is no customer."""


def sign_up(user_id, email):
    """Submit the welcome mail; returns what happened, in words."""
    submitted = submit("welcome-email", {"user_id": user_id, "email": email}, key=f"welcome-{user_id}")
    how = "was submitted before" if submitted.is_duplicate else "is submitted"
    return f"customer {user_id} signed up; the welcome mail {how}: run {submitted.id}"


def main():
    """Exit code 0: there will be a mail; 75: try again; 64: the number or the address is wrong."""
    options = argparse.ArgumentParser(description="Sign a customer up.")
    options.add_argument("user_id", type=int)
    options.add_argument("email")
    given = options.parse_args()
    try:
        print(sign_up(given.user_id, given.email))
    except InvalidParamsError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return REFUSED
    except SubmitError as error:
        print(error, file=sys.stderr)
        return TRY_AGAIN
    return 0


if __name__ == "__main__":
    sys.exit(main())
