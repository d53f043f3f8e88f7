//! Objects that write themselves as JSON, straight from a [`Plan`], without the engine: no future, no map and no value
//! for each field.
//!
//! An object is declared once, with [`object!`] or [`record!`]: the engine's resolvers and the direct ones come out of the
//! same declaration, so they cannot say different things. What a direct answer cannot be, an answer with an error, is
//! never written here: whoever asks lets the engine answer then.

use async_graphql::ID;

use super::plan::Plan;

/// What stands before a value in its object: `{"year":`, or `,"value":`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// At most as long as the room for it.
    Short {
        /// The bytes, and some more.
        bytes: [u8; SHORT],
        /// How many of them count.
        length: u8,
    },
    /// Longer.
    Long(Box<[u8]>),
}

/// Bytes that are copied at once.
const SHORT: usize = 16;

impl Lead {
    /// What stands before the value of this response key. It is a name, so nothing in it needs an escape.
    #[must_use]
    pub fn new(key: &str, is_first: bool) -> Self {
        let open: &[u8] = if is_first { b"{\"" } else { b",\"" };
        let parts = [open, key.as_bytes(), b"\":"];
        let mut bytes = [0; SHORT];
        match u8::try_from(key.len() + 4) {
            Ok(length) if usize::from(length) <= SHORT => {
                bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
                Self::Short { bytes, length }
            }
            _ => Self::Long(parts.concat().into()),
        }
    }
}

/// JSON on its way out.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty one with room for an answer of usual size.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes what stands before a value.
    pub fn lead(&mut self, lead: &Lead) {
        match lead {
            Lead::Short { bytes, length } => {
                // To copy a fixed number of bytes and drop some takes a fraction of copying any number.
                let end = self.bytes.len() + usize::from(*length);
                self.bytes.extend_from_slice(bytes);
                self.bytes.truncate(end);
            }
            Lead::Long(bytes) => self.raw(bytes),
        }
    }

    /// Writes something that is JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.bytes.extend_from_slice(json);
    }

    /// Writes a string, in quotes and with escapes.
    pub fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.bytes.push(b'"');
        // Most have nothing to escape, which is found out faster by looking at all of it at once.
        let is_special = |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
        if bytes.iter().fold(0, |found, byte| found | is_special(*byte)) == 0 {
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'"');
            return;
        }
        let mut written = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if *byte >= b' ' && *byte != b'"' && *byte != b'\\' {
                continue;
            }
            self.bytes.extend_from_slice(&bytes[written..index]);
            written = index + 1;
            match byte {
                b'"' => self.raw(br#"\""#),
                b'\\' => self.raw(br"\\"),
                b'\n' => self.raw(br"\n"),
                b'\r' => self.raw(br"\r"),
                b'\t' => self.raw(br"\t"),
                8 => self.raw(br"\b"),
                12 => self.raw(br"\f"),
                control => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.raw(br"\u00");
                    self.bytes.extend([HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]]);
                }
            }
        }
        self.bytes.extend_from_slice(&bytes[written..]);
        self.bytes.push(b'"');
    }

    /// Writes a whole number.
    pub fn integer(&mut self, number: i64) {
        let digit = |place: i64| b"0123456789"[usize::try_from(number / place % 10).unwrap_or_default()];
        match number {
            // Years and most counts: a known number of bytes is copied faster.
            0..10 => self.bytes.push(digit(1)),
            10..100 => self.bytes.extend_from_slice(&[digit(10), digit(1)]),
            100..1_000 => self.bytes.extend_from_slice(&[digit(100), digit(10), digit(1)]),
            1_000..10_000 => self.bytes.extend_from_slice(&[digit(1_000), digit(100), digit(10), digit(1)]),
            _ => self.raw(itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    /// Writes the fields of an object of this type in the order of the plan.
    pub fn object(&mut self, type_name: &str, plan: &Plan, mut field: impl FnMut(u16, &Plan, &mut Self)) {
        for step in plan.steps() {
            self.lead(step.lead());
            match step.member() {
                Plan::TYPENAME => self.string(type_name),
                number => field(number, step.plan(), self),
            }
        }
        if plan.steps().is_empty() {
            self.bytes.push(b'{');
        }
        self.bytes.push(b'}');
    }

    /// Writes a list.
    pub fn list<T: Output>(&mut self, items: impl IntoIterator<Item = T>, plan: &Plan) {
        let mut first = true;
        for item in items {
            self.bytes.push(if first { b'[' } else { b',' });
            first = false;
            item.write(plan, self);
        }
        if first {
            self.bytes.push(b'[');
        }
        self.bytes.push(b']');
    }
}

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
            None => out.bytes.extend_from_slice(b"null"),
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
