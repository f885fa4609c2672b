"""`agent-executor completion`: click's own, as a script for a shell."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "agent-executor"
VARIABLE = "_AGENT_EXECUTOR_COMPLETE"  # what click looks at when the program of this name starts


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands: `eval "$(agent-executor completion bash)"` in ~/.bashrc."""
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click knows the three
    click.echo(script(context.find_root().command, {}, PROGRAM, VARIABLE).source())
