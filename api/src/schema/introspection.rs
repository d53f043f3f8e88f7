//! The schema's description of itself, in memory: introspection is answered from here, written as everything else is.
//!
//! It is read from the engine once, so it says what the engine says. A type is written wherever a selection asks for it,
//! so a short document can ask for a very long response: `limits` bounds how lists are nested, and the writer how much is
//! written.

use std::{collections::HashMap, sync::OnceLock};

use futures_util::FutureExt;
use serde::Deserialize;

use super::builder;
use crate::graphql::{Member, Output, Plan, Root, Shape, Unfit, Writer};

/// `__schema`, without the engine.
pub const SCHEMA: Root = Root {
    name: "__schema",
    shape: Schema::SHAPE,
    write: |_, _, plan, out| {
        description().ok_or(Unfit)?.schema.write(plan, out);
        Ok(())
    },
};

/// `__type`, without the engine.
pub const TYPE: Root = Root {
    name: "__type",
    shape: TypeOf::SHAPE,
    write: |_, arguments, plan, out| {
        let name: String = arguments.get("name")?;
        let found = description().ok_or(Unfit)?.find(&name);
        found.map(TypeOf::Named).write(plan, out);
        Ok(())
    },
};

/// What the engine is asked, once.
const QUERY: &str = "{ __schema {
    description
    queryType { kind name } mutationType { kind name } subscriptionType { kind name }
    types {
        kind name description specifiedByURL isOneOf
        fields(includeDeprecated: true) {
            name description isDeprecated deprecationReason
            args(includeDeprecated: true) { ...Value }
            type { ...Of }
        }
        inputFields(includeDeprecated: true) { ...Value }
        interfaces { kind name }
        enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
        possibleTypes { kind name }
    }
    directives { name description locations isRepeatable args(includeDeprecated: true) { ...Value } }
} }
fragment Value on __InputValue { name description defaultValue isDeprecated deprecationReason type { ...Of } }
fragment Of on __Type {
    kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
}";

/// The schema as it describes itself.
pub struct Description {
    schema: Schema,
    types: HashMap<String, usize>,
}

impl Description {
    /// The type of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Type> {
        self.types.get(name).and_then(|index| self.schema.types.get(*index))
    }
}

/// The type of a field, with what is around it.
#[derive(Clone, Copy, Debug)]
pub struct WrittenType<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether there is a list of it.
    pub is_list: bool,
    /// Whether nothing can be selected of it.
    pub is_leaf: bool,
}

impl WrittenType<'static> {
    /// That of `__typename`.
    pub const TYPENAME: Self = Self { name: "String", is_list: false, is_leaf: true };
}

impl Description {
    /// The fields of a type, with their types.
    pub fn fields(&self, type_name: &str) -> impl Iterator<Item = (&str, WrittenType<'_>)> {
        let fields = self.find(type_name).and_then(|found| found.fields.as_ref()).into_iter().flatten();
        fields.filter_map(|field| {
            let (mut of, mut is_list) = (&field.of, false);
            while let Some(inner) = of.of_type.as_deref() {
                is_list |= of.kind == Kind::List;
                of = inner;
            }
            let is_leaf = matches!(of.kind, Kind::Scalar | Kind::Enum);
            Some((field.name.as_str(), WrittenType { name: of.name.as_deref()?, is_list, is_leaf }))
        })
    }

    /// The type of a field; none where there is no such field.
    #[must_use]
    pub fn field(&self, type_name: &str, name: &str) -> Option<WrittenType<'_>> {
        self.fields(type_name).find(|(field, _)| *field == name).map(|(_, of)| of)
    }
}

/// The schema's description, which is the same for the whole life of the process; none if the engine does not tell.
pub fn description() -> Option<&'static Description> {
    static DESCRIPTION: OnceLock<Option<Description>> = OnceLock::new();
    DESCRIPTION.get_or_init(read).as_ref()
}

fn read() -> Option<Description> {
    #[derive(Deserialize)]
    struct Data {
        #[serde(rename = "__schema")]
        schema: Schema,
    }
    // Nothing that describes the schema has to wait for anything.
    let response = builder().finish().execute(QUERY).now_or_never()?;
    let read = async_graphql::from_value::<Data>(response.data);
    let Data { schema } =
        read.inspect_err(|error| tracing::error!(?error, "the schema does not describe itself")).ok()?;
    let types = schema.types.iter().enumerate().map(|(index, found)| (found.name.clone(), index)).collect();
    Some(Description { schema, types })
}

/// `__Schema`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    description: Option<String>,
    query_type: TypeRef,
    mutation_type: Option<TypeRef>,
    subscription_type: Option<TypeRef>,
    types: Vec<Type>,
    directives: Vec<Directive>,
}

/// `__Type`, when it has a name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Type {
    kind: Kind,
    name: String,
    description: Option<String>,
    #[serde(rename = "specifiedByURL")]
    specified_by_url: Option<String>,
    is_one_of: Option<bool>,
    fields: Option<Vec<Field>>,
    input_fields: Option<Vec<InputValue>>,
    interfaces: Option<Vec<TypeRef>>,
    enum_values: Option<Vec<EnumValue>>,
    possible_types: Option<Vec<TypeRef>>,
}

/// `__TypeKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
    List,
    NonNull,
}

/// A type as something refers to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeRef {
    kind: Kind,
    name: Option<String>,
    of_type: Option<Box<TypeRef>>,
}

/// `__Field`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    name: String,
    description: Option<String>,
    args: Vec<InputValue>,
    #[serde(rename = "type")]
    of: TypeRef,
    is_deprecated: bool,
    deprecation_reason: Option<String>,
}

/// `__InputValue`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputValue {
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    of: TypeRef,
    default_value: Option<String>,
    is_deprecated: bool,
    deprecation_reason: Option<String>,
}

/// `__EnumValue`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnumValue {
    name: String,
    description: Option<String>,
    is_deprecated: bool,
    deprecation_reason: Option<String>,
}

/// `__Directive`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Directive {
    name: String,
    description: Option<String>,
    locations: Vec<String>,
    args: Vec<InputValue>,
    is_repeatable: bool,
}

/// `__Type`: a type that has a name, or one that wraps another.
#[derive(Clone, Copy)]
enum TypeOf<'a> {
    Named(&'a Type),
    Wrapping(&'a TypeRef),
}

impl<'a> TypeOf<'a> {
    fn new(reference: &'a TypeRef) -> Option<Self> {
        match &reference.name {
            Some(name) => description()?.find(name).map(Self::Named),
            None => Some(Self::Wrapping(reference)),
        }
    }

    fn list(references: Option<&'a Vec<TypeRef>>) -> Option<Vec<Self>> {
        references.map(|references| references.iter().filter_map(Self::new).collect())
    }

    const fn named(&self) -> Option<&'a Type> {
        match self {
            Self::Named(named) => Some(named),
            Self::Wrapping(_) => None,
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Named(named) => named.kind,
            Self::Wrapping(reference) => reference.kind,
        }
    }

    fn of_type(&self) -> Option<Self> {
        match self {
            Self::Named(_) => None,
            Self::Wrapping(reference) => reference.of_type.as_deref().and_then(Self::new),
        }
    }
}

impl Output for Kind {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.string(match self {
            Self::Scalar => "SCALAR",
            Self::Object => "OBJECT",
            Self::Interface => "INTERFACE",
            Self::Union => "UNION",
            Self::Enum => "ENUM",
            Self::InputObject => "INPUT_OBJECT",
            Self::List => "LIST",
            Self::NonNull => "NON_NULL",
        });
    }
}

/// Declares how an introspection type is written. Its lists leave out what is deprecated, unless that is asked for.
macro_rules! described {
    ($type:ty as $name:literal, |$this:ident| {
        $($field:literal: $output:ty = $value:expr,)*
        $(list $list:literal: $item:ty = $items:expr,)*
    }) => {
        impl Output for $type {
            const SHAPE: Option<Shape> = Some(Shape {
                name: $name,
                member: |name| {
                    let shapes = [$(($field, <$output as Output>::SHAPE),)* $(($list, <$item as Output>::SHAPE),)*];
                    let found = shapes.into_iter().zip(0..).find(|((field, _), _)| *field == name);
                    found.map(|((_, shape), number)| Member { number, shape })
                },
            });

            fn write(&self, plan: &Plan, out: &mut Writer) {
                let $this = self;
                out.object($name, plan, |number, plan, out| {
                    let (number, _all) = (number & !Plan::WITH_DEPRECATED, number & Plan::WITH_DEPRECATED != 0);
                    let mut next = 0..;
                    $(if next.next() == Some(number) {
                        let value: $output = $value;
                        return value.write(plan, out);
                    })*
                    $(if next.next() == Some(number) {
                        let items: Option<&Vec<$item>> = $items;
                        return match items {
                            Some(items) => out.list(items.iter().filter(|item| _all || !item.is_deprecated), plan),
                            None => out.raw(b"null"),
                        };
                    })*
                    // A plan has only numbers that `member` gave.
                    out.raw(b"null");
                });
            }
        }
    };
}

described!(Schema as "__Schema", |this| {
    "description": &Option<String> = &this.description,
    "types": Vec<TypeOf<'_>> = this.types.iter().map(TypeOf::Named).collect(),
    "queryType": Option<TypeOf<'_>> = TypeOf::new(&this.query_type),
    "mutationType": Option<TypeOf<'_>> = this.mutation_type.as_ref().and_then(TypeOf::new),
    "subscriptionType": Option<TypeOf<'_>> = this.subscription_type.as_ref().and_then(TypeOf::new),
    "directives": &Vec<Directive> = &this.directives,
});

described!(TypeOf<'_> as "__Type", |this| {
    "kind": Kind = this.kind(),
    "name": Option<&str> = this.named().map(|named| named.name.as_str()),
    "description": Option<&str> = this.named().and_then(|named| named.description.as_deref()),
    "specifiedByURL": Option<&str> = this.named().and_then(|named| named.specified_by_url.as_deref()),
    "isOneOf": Option<bool> = this.named().and_then(|named| named.is_one_of),
    "interfaces": Option<Vec<TypeOf<'_>>> = TypeOf::list(this.named().and_then(|named| named.interfaces.as_ref())),
    "possibleTypes": Option<Vec<TypeOf<'_>>> = TypeOf::list(this.named().and_then(|named| named.possible_types.as_ref())),
    "ofType": Option<TypeOf<'_>> = this.of_type(),
    list "fields": Field = this.named().and_then(|named| named.fields.as_ref()),
    list "inputFields": InputValue = this.named().and_then(|named| named.input_fields.as_ref()),
    list "enumValues": EnumValue = this.named().and_then(|named| named.enum_values.as_ref()),
});

described!(Field as "__Field", |this| {
    "name": &String = &this.name,
    "description": &Option<String> = &this.description,
    "type": Option<TypeOf<'_>> = TypeOf::new(&this.of),
    "isDeprecated": bool = this.is_deprecated,
    "deprecationReason": &Option<String> = &this.deprecation_reason,
    list "args": InputValue = Some(&this.args),
});

described!(InputValue as "__InputValue", |this| {
    "name": &String = &this.name,
    "description": &Option<String> = &this.description,
    "type": Option<TypeOf<'_>> = TypeOf::new(&this.of),
    "defaultValue": &Option<String> = &this.default_value,
    "isDeprecated": bool = this.is_deprecated,
    "deprecationReason": &Option<String> = &this.deprecation_reason,
});

described!(EnumValue as "__EnumValue", |this| {
    "name": &String = &this.name,
    "description": &Option<String> = &this.description,
    "isDeprecated": bool = this.is_deprecated,
    "deprecationReason": &Option<String> = &this.deprecation_reason,
});

described!(Directive as "__Directive", |this| {
    "name": &String = &this.name,
    "description": &Option<String> = &this.description,
    "locations": &Vec<String> = &this.locations,
    "isRepeatable": bool = this.is_repeatable,
    list "args": InputValue = Some(&this.args),
});
