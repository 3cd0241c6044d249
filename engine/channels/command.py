"""`command`: a program with arguments. The event is in its environment, and as JSON on its standard input."""

from engine.actions.command import Command
from engine.actions.kind import Surroundings
from engine.actions.prepare import SHELL
from engine.channels.events import event_json, event_variables
from engine.channels.kind import Failure, Posting, Subject
from engine.execution.launcher_client import Heard
from jobfile.model.environment import PASSED_ON
from jobfile.model.jobs import ChannelSpec, CommandAction


class CommandChannel:
    """The kind `command`: its environment follows the rules of a job."""

    def takes(self, channel: ChannelSpec) -> bool:
        """Whether a channel has a command."""
        return bool(channel.command)

    def postings(self, subject: Subject) -> list[Posting]:
        """The program in the folder of the main file; secrets are variables, as in a job."""
        config = subject.config
        folder = config.main_file.absolute().parent
        action = CommandAction(argv=subject.channel.command)
        argv = Command().prepare(action, lambda: subject.values, Surroundings(folder, config.environ)).argv
        passed = {name: config.environ[name] for name in PASSED_ON if name in config.environ}
        env = {"SHELL": SHELL, **config.account(), **passed, "TZ": "UTC"}
        env |= {**subject.secrets, **event_variables(subject.message)}
        return [Posting(argv=argv, env=env, text=event_json(subject.message), folder=str(folder))]

    def failure(self, heard: Heard) -> Failure | None:
        """Its exit code, and the last line of its errors."""
        if heard.trouble:
            return Failure(f"the command {heard.trouble}")
        if heard.code == 0:
            return None
        said = heard.complaint.decode("utf-8", "replace").strip().splitlines()
        how = f"exit code {heard.code}" if heard.code > 0 else f"killed (signal {-heard.code})"
        return Failure(f"{how}: {said[-1]}" if said else how)
