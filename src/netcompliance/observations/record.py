"""A record of fields, each declared once: what it holds, what it means.

    class Tcp(Seen, kind="tcp", per="address", needs="port error"):
        syns: int | None = maybe(COUNT, "sent, if known")

A name that a class does not declare is an error to mypy, here and in what reads it. Records are made by decoding: an
instance has what was there, and its class says what a missing field is (`None`, or the empty tuple). They are no
dataclasses, since making fifty of those takes longer than all else that is done when a run starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, dataclass_transform

from netcompliance.observations.values import FieldError, Type

T = TypeVar("T")
Self = TypeVar("Self", bound="Record")
R = TypeVar("R", bound="Record")


class Field:
    """One field of a record, as it is declared."""

    __slots__ = ("by_host", "default", "means", "null", "type")

    def __init__(self, its: Type[Any], means: str, *, null: bool, default: Any = None, by_host: bool = True) -> None:
        self.type = its
        self.means = means
        """What it holds, in which unit, for the page about the journal."""
        self.null = null
        """Whether it is `null` in a journal where it is not known."""
        self.default = default
        self.by_host = by_host
        """Whether a host says it; else it is added by this machine."""

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        schema = dict(self.type.schema)
        if not self.null or "$ref" in schema:
            return schema
        if "enum" in schema:
            return {**schema, "enum": [*schema["enum"], None]}
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*types, "null"]}


def one(its: Type[T], means: str = "", *, by_host: bool = True) -> T | None:
    """A field that has a value where it is there."""
    field: Any = Field(its, means, null=False, by_host=by_host)
    return field  # type: ignore[no-any-return]


def maybe(its: Type[T], means: str = "") -> T | None:
    """A field that may be `null`."""
    field: Any = Field(its, means, null=True)
    return field  # type: ignore[no-any-return]


def many(its: Type[tuple[T, ...]], means: str = "", *, null: bool = False) -> tuple[T, ...]:
    """A list, empty where it is missing."""
    field: Any = Field(its, means, null=null, default=())
    return field  # type: ignore[no-any-return]


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """An object with the fields that its class declares, each of its type or missing. Others are left out."""

    FIELDS: ClassVar[Mapping[str, Field]] = {}
    """By the names that they have in a journal."""
    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Those that are there in every journal of today."""
    DECODE: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {}
    """Name in a journal → its attribute, and how it is decoded."""
    ADMIT: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {}
    """Name in a record of a host → the same name, which is there once, and how it is admitted."""

    def __init_subclass__(cls, *, needs: str = "") -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        for name, field in own.items():
            setattr(cls, name, field.default)
        attributes = {name.rstrip("_"): name for name in own}
        cls.FIELDS = {**cls.FIELDS, **{name: own[attribute] for name, attribute in attributes.items()}}
        cls.NEEDS = tuple(needs.split())
        cls.DECODE = {**cls.DECODE, **{name: (its, own[its].type.decode) for name, its in attributes.items()}}
        cls.ADMIT = {**cls.ADMIT, **{n: (n, own[its].type.admit) for n, its in attributes.items() if own[its].by_host}}

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be set: a record is as it was seen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    @classmethod
    def decode(cls: type[Self], value: Any) -> Self | None:
        """The record as judges may rely on it, `None` if the value is no object."""
        if not isinstance(value, (dict, Mapping)):
            return None
        record = cls.__new__(cls)
        fields, decoders = record.__dict__, cls.DECODE
        for name, given in value.items():
            if given is not None and name in decoders:
                attribute, decode = decoders[name]
                if (decoded := decode(given)) is not None:
                    fields[attribute] = decoded
        return record

    @classmethod
    def admit(cls, value: Any) -> dict[str, Any]:
        """The object with the fields that are declared. Raises `FieldError`."""
        if not isinstance(value, dict):
            raise FieldError
        known = cls.ADMIT
        return {
            known[name][0]: None if each is None else known[name][1](each)
            for name, each in value.items()
            if name in known
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Its JSON Schema."""
        properties = {name: field.schema for name, field in cls.FIELDS.items()}
        return {"properties": properties, **({"required": list(cls.NEEDS)} if cls.NEEDS else {})}


def part(of: type[R]) -> Type[R]:
    """A record in a field."""
    return Type(of.admit, of.decode, {"type": "object", **of.schema()}, of)
