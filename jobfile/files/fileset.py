"""A set of files for the checks and the compiler: its jobs and steps, with the settings in force for each."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from itertools import islice

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.expressions.expression import Kind, Refusal, Scope, Type
from jobfile.expressions.scopes import (
    FILE,
    RUN,
    UNKNOWN,
    WEBHOOK,
    Names,
    after_names,
    build,
    common_names,
    event_names,
    item_of_loop,
    matrix_names,
    params_names,
    refused_secrets,
    step_names,
    unclear_names,
    upstream_names,
    vars_names,
)
from jobfile.expressions.template import check_slot, parse_expression
from jobfile.files.declarations import declared_params, unknown_entries, unknown_names, value_of
from jobfile.files.following import followed, needs_all
from jobfile.files.matrix import MAX_COMBINATIONS, combination_count, combinations, fits
from jobfile.files.merged_settings import (
    MERGED_BY_NAME,
    Layer,
    Setting,
    Settings,
    map_at,
    merged,
    merged_by_name,
)
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import ParamSpec
from jobfile.model.values import Scalar, Value
from jobfile.syntax.document import Document

INHERITED_BY_STEPS = ("shell", "working_dir", "container", "env_file")
"""Keys of a job that also apply to its steps; `env` and `secrets` merge by name."""


@dataclass(frozen=True)
class FileSet:
    """A main file with the files it includes.

    What has the wrong shape is left out of the documents, which know what they lost. The set is whole if
    the names of the jobs of every file could be read: only then can a job be called missing.
    """

    main: Document
    included: tuple[Document, ...] = ()
    overrides: Mapping[str, Value] = field(default_factory=dict)
    is_whole: bool = True

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The main file, then the included ones."""
        return (self.main, *self.included)

    @cached_property
    def vars(self) -> Mapping[str, Value]:
        """The constants, as written or as replaced by `--set`."""
        written = {name: value_of(value) for name, value in map_at(self.main, ("vars",)).items()}
        return {**written, **self.overrides}

    @cached_property
    def jobs(self) -> "Mapping[str, JobText]":
        """The jobs, by name; the first one if a name occurs twice."""
        found: dict[str, JobText] = {}
        for document in self.documents:
            for name in map_at(document, ("jobs",)):
                found.setdefault(name, JobText(self, document, name))
        return found

    @cached_property
    def vars_names(self) -> dict[str, Type]:
        """The types of the constants."""
        return {**unknown_names("vars", self.main, ("vars",)), **vars_names(self.vars)}

    def nth_job(self, number: int) -> str:
        """The name of a job by its number, from 0."""
        return next(islice(self.jobs, number, None))

    @cached_property
    def job_names(self) -> frozenset[str]:
        """The names of all jobs, including those that are not maps."""
        return frozenset(
            name
            for document in self.documents
            for name in (*map_at(document, ("jobs",)), *document.lost_names(("jobs",)))
        )

    def may_have_job(self, name: str) -> bool:
        """Whether a job has this name, or a mistake may hide it."""
        hides = (document.is_unknown(("jobs",), name) for document in self.documents)
        return name in self.job_names or not self.is_whole or any(hides)

    def is_unknown(self, section: str, name: str) -> bool:
        """Whether a name may be declared in a section of the main file, where a mistake hides it."""
        return self.main.is_unknown((section,), name)

    def section(self, key: str) -> dict[str, Setting]:
        """The entries of `calendars`, `queues` or `channels`."""
        entries = map_at(self.main, (key,))
        return {name: Setting(value, (key, name), self.main) for name, value in entries.items()}

    def channel_scope(self, secrets: Settings) -> Scope:
        """The names available in a channel."""
        return build(self._event_names, constants=self.vars_names, secrets=secrets)

    @cached_property
    def _event_names(self) -> Names:
        return event_names(job.params for job in self.jobs.values())


@dataclass(frozen=True)
class JobText:
    """One job as written, with its defaults merged in."""

    files: FileSet
    document: Document
    name: str

    @property
    def path(self) -> DocumentPath:
        """The path of the job in its document."""
        return ("jobs", self.name)

    @property
    def here(self) -> Setting:
        """The job's own map."""
        return Setting(map_at(self.document, self.path), self.path, self.document)

    @property
    def words(self) -> str:
        """The job's name in messages."""
        return f"job `{self.name}`"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The maps whose keys are in force; the last one wins."""
        main: Layer = (self.files.main, ("defaults",))
        own: Layer = (self.document, ("defaults",))
        job: Layer = (self.document, self.path)
        return (main, job) if self.document is self.files.main else (main, own, job)

    @cached_property
    def settings(self) -> Settings:
        """The keys in force."""
        return merged(self.layers)

    def is_unsure(self, *keys: str) -> bool:
        """Whether a mistake hides the value of one of these keys, or a part of it."""
        return any(
            document.is_unsure((*path, key))
            for document, path in self.layers
            if document.lost  # rare, and this runs for each key of each job
            for key in keys
        )

    def is_unknown(self, key: str, name: str) -> bool:
        """Whether a name may be declared in the map of a key, where a mistake hides it."""
        return any(document.is_unknown((*path, key), name) for document, path in self.layers)

    @cached_property
    def env(self) -> Settings:
        """The environment in force."""
        return merged_by_name(self.layers, "env")

    @cached_property
    def secrets(self) -> Settings:
        """The secrets in force."""
        return merged_by_name(self.layers, "secrets")

    @cached_property
    def params(self) -> tuple[ParamSpec, ...]:
        """The declared inputs."""
        return declared_params(self.settings.get("params"))

    @cached_property
    def outputs(self) -> tuple[ParamSpec, ...]:
        """The declared outputs."""
        return declared_params(self.settings.get("outputs"))

    @cached_property
    def matrix(self) -> tuple[Mapping[str, Scalar], ...]:
        """The combinations of the matrix without those in `exclude`; none without a matrix."""
        setting = self.settings.get("matrix")
        if setting is None or combination_count(setting) > MAX_COMBINATIONS:
            return ()
        excluded = setting.value.get("exclude") or []
        return tuple(one for one in combinations(setting) if not any(fits(one, rule) for rule in excluded))

    @cached_property
    def steps(self) -> "Mapping[str, StepText]":
        """The steps in order."""
        setting = self.settings.get("steps")
        names = list(setting.value) if setting is not None else []
        before = [None, *names]
        return {name: StepText(self, name, before[index]) for index, name in enumerate(names)}

    @cached_property
    def names_of_steps(self) -> Mapping[str, Names]:
        """For each step, the names that can be read after it has ended: one table for all steps."""
        return {
            name: {
                **step_names(name, step.outputs, is_for_each="for_each" in step.settings),
                **({f"steps.{name}.*": UNKNOWN} if step.is_unsure("outputs", "for_each") else {}),
            }
            for name, step in self.steps.items()
        }

    @cached_property
    def step_places(self) -> Mapping[str, int]:
        """The index of each step."""
        return {name: at for at, name in enumerate(self.steps)}

    @cached_property
    def ended_steps(self) -> Mapping[str, int]:
        """For each step, the steps that have ended when it starts, as bits by their index.

        An unknown name in `needs` counts as all steps. Most needs point backwards: one or two passes do.
        """
        places = self.step_places
        every = (1 << len(places)) - 1
        found = dict.fromkeys(places, 0)
        is_changed = True
        while is_changed:
            is_changed = False
            for name, step in self.steps.items():
                bits = every if step.is_unsure("needs") else 0
                for need in step.needs:
                    bits |= every if need not in places else found[need] | 1 << places[need]
                is_changed = is_changed or bits != found[name]
                found[name] = bits
        return found

    @property
    def payloads(self) -> "tuple[Payload, ...]":
        """The job itself and its steps."""
        return (self, *self.steps.values())

    @cached_property
    def base_names(self) -> Names:
        """The names that mean the same everywhere in the job."""
        return {
            **RUN,
            **params_names(self.params),
            **matrix_names(self.matrix),
            **({"matrix.*": Type(Kind.ANY)} if "matrix" in self.settings and not self.matrix else {}),
            **unknown_names("params", self.document, (*self.path, "params")),
            **unknown_names("matrix", self.document, (*self.path, "matrix")),
            **({"trigger.*": UNKNOWN} if self.is_unsure("triggers") else {}),
            **unknown_entries("secrets", self.layers),
        }

    @cached_property
    def scope(self) -> Scope:
        """The names available in the job's templates."""
        constants, refused = self.files.vars_names, self.refused
        return build(
            self.base_names, constants=constants, secrets=self.secrets, kinds=self.kinds, refused=refused
        )

    @cached_property
    def key_scope(self) -> Scope:
        """The names in `concurrency.key` and `idempotency_key`, which are computed before any attempt."""
        names = {name: one for name, one in self.base_names.items() if name != "run.attempt"}
        refusal = Refusal(
            "JF403", "`run.attempt` is not available here", "the key is computed before any attempt"
        )
        constants, refused = self.files.vars_names, {**self.refused, "run.attempt": refusal}
        return build(names, constants=constants, secrets=self.secrets, kinds=self.kinds, refused=refused)

    @cached_property
    def kinds(self) -> Mapping[str, Names]:
        """The ways in which runs start, each with the names it adds."""
        found: dict[str, Names] = {"schedule": {}} if "schedule" in self.settings else {}
        after: list[Names] = []
        for trigger in self.triggers:
            if trigger.part("file") is not None:
                found["file"] = FILE
            if trigger.part("webhook") is not None:
                found["webhook"] = WEBHOOK
            if trigger.part("boot") is not None:
                found["boot"] = {}
            upstream = [self._upstream_names(one.text) for one in followed(trigger)]
            if upstream:
                after.append(after_names(upstream, needs_all=needs_all(trigger)))
        if after:
            found["after"] = common_names(after)
        return found

    @cached_property
    def refused(self) -> dict[str, Refusal]:
        """The names of secrets of webhooks, and the names that several jobs of one trigger declare."""
        waits = (trigger for trigger in self.triggers if needs_all(trigger))
        upstream = ([self._upstream_names(one.text) for one in followed(trigger)] for trigger in waits)
        unclear = {name: one for names in upstream for name, one in unclear_names(names).items()}
        webhooks = [part for one in self.triggers if (part := one.part("webhook"))]
        return unclear | refused_secrets(name.text for one in webhooks if (name := one.part("secret")))

    @cached_property
    def entry_zones(self) -> frozenset[str | None]:
        """The zones of the schedule's entries; None for an entry without a zone."""
        setting = self.settings.get("schedule")
        entries = () if setting is None else setting.entries()
        named = (one.part("timezone") if isinstance(one.value, Mapping) else None for one in entries)
        return frozenset(None if one is None else one.text for one in named)

    @property
    def triggers(self) -> Iterator[Setting]:
        """Each trigger."""
        setting = self.settings.get("triggers")
        return iter(()) if setting is None else setting.parts()

    def _upstream_names(self, name: str) -> Names:
        """What a run that follows a job can read of it."""
        job = self.files.jobs.get(name)
        if job is None:
            return {f"trigger.{key}.*": Type(Kind.ANY) for key in ("outputs", "params")}
        unknown = {f"trigger.{key}.*": UNKNOWN for key in ("outputs", "params") if job.is_unsure(key)}
        return {**upstream_names(job.outputs, job.params), **unknown}


@dataclass(frozen=True)
class StepText:
    """One step of a job as written; `before` is the step above it."""

    job: JobText
    name: str
    before: str | None

    @property
    def path(self) -> DocumentPath:
        """The path of the step in its document."""
        return (*self.job.path, "steps", self.name)

    @property
    def document(self) -> Document:
        """The document that contains it."""
        return self.job.document

    @property
    def words(self) -> str:
        """The step's name in messages."""
        return f"step `{self.name}` of job `{self.job.name}`"

    @property
    def here(self) -> Setting:
        """The step's own map."""
        return Setting(map_at(self.document, self.path), self.path, self.document)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The maps whose `env` and `secrets` are in force; the last one wins."""
        return (*self.job.layers, (self.document, self.path))

    @cached_property
    def settings(self) -> Settings:
        """The keys in force, with those that a step inherits from the job."""
        inherited = {key: one for key, one in self.job.settings.items() if key in INHERITED_BY_STEPS}
        own = map_at(self.document, self.path)
        found = {key: Setting(value, (*self.path, key), self.document) for key, value in own.items()}
        return {key: one for key, one in {**inherited, **found}.items() if one.value is not None}

    def is_unsure(self, *keys: str) -> bool:
        """Whether a mistake hides the value of one of these keys, or a part of it."""
        inherited = [key for key in keys if key in (*INHERITED_BY_STEPS, *MERGED_BY_NAME)]
        own = any(self.document.is_unsure((*self.path, key)) for key in keys)
        return own or (bool(inherited) and self.job.is_unsure(*inherited))

    @cached_property
    def env(self) -> Settings:
        """The environment in force."""
        return merged_by_name(self.layers, "env")

    @cached_property
    def secrets(self) -> Settings:
        """The secrets in force."""
        return merged_by_name(self.layers, "secrets")

    @cached_property
    def outputs(self) -> tuple[ParamSpec, ...]:
        """The declared outputs."""
        return declared_params(self.settings.get("outputs"))

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The steps it waits for: those in `needs`, or else the step before it."""
        setting = self.settings.get("needs")
        if setting is None:
            return () if self.before is None or self.is_unsure("needs") else (self.before,)
        return tuple(part.text for part in setting.parts())

    def has_ended(self, name: str) -> bool:
        """Whether another step has ended when this one starts."""
        places = self.job.step_places
        return name in places and bool(self.job.ended_steps[self.name] >> places[name] & 1)

    @cached_property
    def item(self) -> Type | None:
        """The type of one item of `for_each`; None without `for_each`."""
        setting = self.settings.get("for_each")
        if setting is None:
            return UNKNOWN if self.is_unsure("for_each") else None
        parsed = parse_expression(setting.text)
        found = Type(Kind.ANY) if parsed is None else check_slot(parsed, self.loop_scope)[0]
        return item_of_loop(found)

    @cached_property
    def loop_scope(self) -> Scope:
        """The names available in `for_each`."""
        return self._scope_with(self.job.base_names)

    def _scope_with(self, names: Names) -> Scope:
        unknown = unknown_names("steps", self.document, (*self.job.path, "steps"))
        unknown = {f"{name.removesuffix('.*')}.*": one for name, one in unknown.items()}
        return build(
            {**names, **unknown, **unknown_entries("secrets", self.layers)},
            constants=self.job.files.vars_names,
            secrets=self.secrets,
            kinds=self.job.kinds,
            steps=_StepNames(self),
            refused=ChainMap(_NotEnded(self), self.job.refused) if self.job.refused else _NotEnded(self),  # type: ignore[arg-type]  # it is only read
        )

    def not_yet(self, name: str) -> Refusal:
        """The refusal for a step that has not ended when this one starts."""
        if name == self.name:
            return Refusal("JF425", f"step `{name}` reads itself", "it has not run yet")
        return Refusal(
            "JF425",
            f"step `{name}` may not have run when `{self.name}` starts",
            "this step does not wait for it",
            (f"wait for it:  needs: [{', '.join((*self.needs, name))}]",),
        )

    @cached_property
    def scope(self) -> Scope:
        """The names available in the step's templates."""
        if self.item is None:
            return self.loop_scope
        return self._scope_with({**self.job.base_names, "item": self.item})


class _StepNames(Mapping[str, Type]):
    """The names of earlier steps that a step may read: a view of the job's table, not a copy."""

    def __init__(self, step: StepText) -> None:
        self._step = step

    def __getitem__(self, path: str) -> Type:
        name = path.removeprefix("steps.").partition(".")[0]
        if not path.startswith("steps.") or not self._step.has_ended(name):
            raise KeyError(path)
        return self._step.job.names_of_steps[name][path]

    def __iter__(self) -> Iterator[str]:
        for name, names in self._step.job.names_of_steps.items():
            if self._step.has_ended(name):
                yield from names

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _NotEnded(Mapping[str, Refusal]):
    """The refusals for steps that have not ended when one starts, made on demand."""

    def __init__(self, step: StepText) -> None:
        self._step = step

    def __getitem__(self, path: str) -> Refusal:
        name = path.removeprefix("steps.")
        if not path.startswith("steps.") or name not in self._step.job.steps or self._step.has_ended(name):
            raise KeyError(path)
        return self._step.not_yet(name)

    def __iter__(self) -> Iterator[str]:
        return (f"steps.{name}" for name in self._step.job.steps if not self._step.has_ended(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


Payload = JobText | StepText
"""A job or one of its steps: it has an action."""
