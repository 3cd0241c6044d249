"""What a map declares by name: params and outputs; and names that a mistake hides."""

from collections.abc import Iterable

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.expressions.scopes import UNKNOWN, Names
from jobfile.files.merged_settings import Layer, Setting, map_at
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.values import Value
from jobfile.syntax.document import ANY_NAME, Document


def unknown_names(head: str, document: Document, path: DocumentPath) -> Names:
    """The names below a head that are declared at a path, but not known because of a mistake there."""
    if not document.lost:
        return {}
    if document.is_unknown(path, ANY_NAME):
        return {f"{head}.*": UNKNOWN}
    unsure = [name for name in map_at(document, path) if document.is_unsure((*path, name))]
    return {f"{head}.{name}": UNKNOWN for name in (*unsure, *document.lost_names(path))}


def unknown_entries(key: str, layers: Iterable[Layer]) -> Names:
    """Like `unknown_names`, for a map whose entries merge by name."""
    return {
        name: one
        for document, path in layers
        for name, one in unknown_names(key, document, (*path, key)).items()
    }


def value_of(value: object) -> Value:
    """A value of a document as a value of the model."""
    assert isinstance(value, (str, int, float, bool, list))
    return tuple(value) if isinstance(value, list) else value


def declared_params(setting: Setting | None) -> tuple[ParamSpec, ...]:
    """Declared inputs or outputs, sorted by name: their order in the file has no meaning."""
    if setting is None:
        return ()
    found = (param_of(str(one.path[-1]), one) for one in setting.parts())
    return tuple(sorted(found, key=lambda param: param.name))


def param_of(name: str, setting: Setting) -> ParamSpec:
    """One declared input or output, from fields with a valid shape."""
    fields = setting.value or {}
    items = fields.get("items") or {}
    pattern, pointer = setting.part("pattern"), setting.part("from")
    return ParamSpec(
        name=name,
        type=ParamType(fields["type"]),
        item_type=ParamType(items["type"]) if "type" in items else None,
        description=str(fields.get("description", "")),
        is_required="default" not in fields,
        default=value_of(fields["default"]) if "default" in fields else None,
        enum=tuple(fields.get("enum", ())),
        pattern=None if pattern is None else pattern.text,
        min_length=fields.get("minLength"),
        max_length=fields.get("maxLength"),
        minimum=fields.get("minimum"),
        maximum=fields.get("maximum"),
        exclusive_minimum=fields.get("exclusiveMinimum"),
        exclusive_maximum=fields.get("exclusiveMaximum"),
        format=fields.get("format"),
        max_items=fields.get("maxItems"),
        pointer=None if pointer is None else pointer.text,
    )
