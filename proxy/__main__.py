"""`python -m proxy` is the same program as `iam-proxy`."""

from proxy.cli import main

if __name__ == "__main__":
    main(prog_name="iam-proxy")
