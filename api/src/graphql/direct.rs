//! Objects that write themselves as JSON, straight from a [`Plan`], without the engine: no future, no map and no value
//! for each field.
//!
//! An object is declared once, with [`object!`] or [`record!`]: the engine's resolvers and the direct ones come out of the
//! same declaration, so they cannot say different things. What a direct answer cannot be, an answer with an error, is
//! never written here: whoever asks lets the engine answer then.

use async_graphql::ID;

use super::{plan::Plan, writer::Writer};

/// What an object type has, for whoever makes a plan.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The name of the type.
    pub name: &'static str,
    /// The field of this name, if the type has it.
    pub member: fn(&str) -> Option<Member>,
}

/// A field of an object type.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its number within the type.
    pub number: u16,
    /// The object type that it leads to; none for a leaf.
    pub shape: Option<Shape>,
}

/// What can be written without the engine.
pub trait Output {
    /// The object type that it is, or that it is made of; none for a leaf.
    const SHAPE: Option<Shape> = None;

    /// Writes what the plan selects of it.
    fn write(&self, plan: &Plan, out: &mut Writer);
}

impl Output for str {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.string(self);
    }
}

impl Output for String {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.string(self);
    }
}

impl Output for ID {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.string(self);
    }
}

impl Output for bool {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.raw(if *self { b"true" } else { b"false" });
    }
}

impl Output for i32 {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.integer((*self).into());
    }
}

impl Output for i64 {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.integer(*self);
    }
}

impl Output for usize {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.raw(itoa::Buffer::new().format(*self).as_bytes());
    }
}

impl Output for f64 {
    fn write(&self, _: &Plan, out: &mut Writer) {
        // As the engine does: what is no number in JSON is null.
        match serde_json::Number::from_f64(*self) {
            Some(number) => out.raw(number.to_string().as_bytes()),
            None => out.raw(b"null"),
        }
    }
}

impl<T: Output + ?Sized> Output for &T {
    const SHAPE: Option<Shape> = T::SHAPE;

    fn write(&self, plan: &Plan, out: &mut Writer) {
        (**self).write(plan, out);
    }
}

impl<T: Output> Output for Option<T> {
    const SHAPE: Option<Shape> = T::SHAPE;

    fn write(&self, plan: &Plan, out: &mut Writer) {
        match self {
            Some(value) => value.write(plan, out),
            None => out.raw(b"null"),
        }
    }
}

impl<T: Output> Output for Vec<T> {
    const SHAPE: Option<Shape> = T::SHAPE;

    fn write(&self, plan: &Plan, out: &mut Writer) {
        out.list(self, plan);
    }
}

/// Whether a field that Rust calls `rust` is `name` in GraphQL: `is_fallback` is `isFallback`.
#[must_use]
pub fn is_named(rust: &str, name: &str) -> bool {
    let mut expected = name.chars();
    let mut upper = false;
    for letter in rust.chars() {
        if letter == '_' {
            upper = true;
            continue;
        }
        let letter = if std::mem::take(&mut upper) { letter.to_ascii_uppercase() } else { letter };
        if expected.next() != Some(letter) {
            return false;
        }
    }
    expected.next().is_none()
}

/// Declares an object by its resolvers, for the engine and for direct answers at once. They take `&self` only, and do not
/// fail. The engine's attribute stands in brackets with the description, since it looks for names where it was written. What
/// stands after `flatten` lends all its fields.
///
/// ```text
/// object! {
///     [
///         /// A page.
///         #[Object]
///     ]
///     impl Page {
///         /// Its title.
///         fn title(&self) -> &str { &self.text().title }
///     }
///     flatten fn locale(&self) -> TextLocale { TextLocale::new(&self.preference, &self.locale) }
/// }
/// ```
macro_rules! object {
    (
        [$($about:tt)*]
        impl $name:ident $(<$lifetime:lifetime>)? {
            $(
                $(#[$attribute:meta])*
                $visibility:vis fn $field:ident(&$this:ident) -> $output:ty $body:block
            )*
        }
        $(flatten fn $flat:ident(&$flat_this:ident) -> $flat_output:ident $flat_body:block)?
    ) => {
        $($about)*
        impl $name $(<$lifetime>)? {
            $(
                $(#[$attribute])*
                $visibility async fn $field(&$this) -> $output $body
            )*
            $(
                #[graphql(flatten)]
                async fn $flat(&$flat_this) -> $flat_output $flat_body
            )?
        }

        const _: () = {
            // The same names as the engine's resolvers, so they need a room of their own.
            trait Fields {
                $(fn $field(&self) -> $output;)*
                $(fn $flat(&self) -> $flat_output;)?
            }

            impl Fields for $name $(<$lifetime>)? {
                $(fn $field(&$this) -> $output $body)*
                $(fn $flat(&$flat_this) -> $flat_output $flat_body)?
            }

            $crate::graphql::direct::written! {
                $name $(<$lifetime>)?
                $($field: $output = |object| Fields::$field(object))*
                $(; $flat_output = |object| Fields::$flat(object))?
            }
        };
    };
}

/// Declares an object by its values, for the engine and for direct answers at once. What stands after `flatten` lends all
/// its fields.
macro_rules! record {
    (
        [$($about:tt)*]
        $visibility:vis struct $name:ident {
            $(
                $(#[$attribute:meta])*
                $field_visibility:vis $field:ident: $output:ty,
            )*
            $(flatten $flat:ident: $flat_output:ident,)?
        }
    ) => {
        $($about)*
        $visibility struct $name {
            $(
                $(#[$attribute])*
                $field_visibility $field: $output,
            )*
            $(
                #[graphql(flatten)]
                $flat: $flat_output,
            )?
        }

        $crate::graphql::direct::written! {
            $name
            $($field: $output = |object| &object.$field)*
            $(; $flat_output = |object| &object.$flat)?
        }
    };
}

/// The direct half of [`object!`] and [`record!`].
macro_rules! written {
    (
        $name:ident $(<$lifetime:lifetime>)?
        $($field:ident: $output:ty = |$object:ident| $value:expr)*
        $(; $flat_output:ident = |$flat_object:ident| $flat:expr)?
    ) => {
        const _: () = {
            #[expect(non_camel_case_types, reason = "named as the fields are")]
            enum Number {
                $($field,)*
                Beyond,
            }

            impl $name $(<$lifetime>)? {
                /// The field of this name.
                pub(crate) fn member(name: &str) -> Option<$crate::graphql::Member> {
                    $(
                        if $crate::graphql::is_named(stringify!($field), name) {
                            let shape = <$output as $crate::graphql::Output>::SHAPE;
                            return Some($crate::graphql::Member { number: Number::$field as u16, shape });
                        }
                    )*
                    $(
                        if let Some(member) = $flat_output::member(name) {
                            let number = member.number + Number::Beyond as u16;
                            return Some($crate::graphql::Member { number, ..member });
                        }
                    )?
                    None
                }

                /// Writes the field of this number.
                pub(crate) fn write_member(
                    &self,
                    number: u16,
                    plan: &$crate::graphql::Plan,
                    out: &mut $crate::graphql::Writer,
                ) {
                    match number {
                        $(number if number == Number::$field as u16 => {
                            let $object = self;
                            $crate::graphql::Output::write(&$value, plan, out);
                        })*
                        beyond => match beyond.checked_sub(Number::Beyond as u16) {
                            $(Some(number) => {
                                let $flat_object = self;
                                $flat.write_member(number, plan, out);
                            })?
                            // A plan has only numbers that `member` gave.
                            _ => out.raw(b"null"),
                        },
                    }
                }
            }

            impl $crate::graphql::Output for $name $(<$lifetime>)? {
                const SHAPE: Option<$crate::graphql::Shape> =
                    Some($crate::graphql::Shape { name: stringify!($name), member: Self::member });

                fn write(&self, plan: &$crate::graphql::Plan, out: &mut $crate::graphql::Writer) {
                    out.object(stringify!($name), plan, |number, plan, out| self.write_member(number, plan, out));
                }
            }
        };
    };
}

/// Has the values of these enums written as the engine names them.
macro_rules! enums {
    ($($name:ty),*) => {$(
        impl $crate::graphql::Output for $name {
            fn write(&self, _: &$crate::graphql::Plan, out: &mut $crate::graphql::Writer) {
                let items = <Self as async_graphql::resolver_utils::EnumType>::items();
                match items.iter().find(|item| item.value == *self) {
                    Some(item) => out.string(item.name),
                    None => out.raw(b"null"),
                }
            }
        }
    )*};
}

pub(crate) use {enums, object, record, written};
