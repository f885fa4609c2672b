"""What the checkout needs beside Python: pinned, built once, kept outside of it."""
