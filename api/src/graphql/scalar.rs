//! The typed values of `entities` as GraphQL scalars: [`Scalar`] on the way out, [`Input`] on the way in.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use async_graphql::{
    ContextSelectionSet, InputType, InputValueError, InputValueResult, Number, OutputType, Positioned, ServerResult,
    Value,
    parser::types::Field,
    registry::{MetaType, MetaTypeId, Registry},
};
use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, Count, CountryCode, Date, Email, Form, Line, LocalDateTime, Locale, Markdown, Moment, Position,
    Prose, Rule, Slug, Threshold, Url, Version, Year,
};

use super::{direct::Output, plan::Plan, writer::Writer};
use crate::content::body::Body;

/// A number that is whole although it is written with a fraction (`1.0`), as that whole number: clients in JavaScript and
/// pandas write it so, and the specification takes it for an integer.
pub fn whole(number: &Number) -> Option<i64> {
    /// Up to here every whole number is a floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(fraction) if number.is_f64() && fraction.fract() == 0.0 && fraction.abs() <= EXACT =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
            Some(fraction as i64)
        }
        _ => None,
    }
}

/// The end of the range of whole numbers that a whole number lies beyond.
pub fn beyond(number: &Number) -> Option<i64> {
    let value = number.as_f64().filter(|value| number.as_i64().is_none() && value.fract() == 0.0)?;
    Some(if value < 0.0 { i64::MIN } else { i64::MAX })
}

/// A value that has a GraphQL scalar.
pub trait ScalarValue: Clone + Send + Sync + Sized + 'static {
    /// The scalar's name. A built-in one (`String`, `Int`) lends its name to values that need no type of their own.
    const NAME: &'static str;
    /// What it holds.
    const DESCRIPTION: &'static str;
    /// The specification of its form.
    const SPECIFIED_BY: Option<&'static str> = None;

    /// The rule that JSON of the wrong kind breaks.
    const WRONG_KIND: Rule;

    /// Reads it; `None` when the JSON is of the wrong kind.
    fn read(value: &Value) -> Option<Result<Self, Rule>>;

    /// Writes it.
    fn write(&self) -> Value;

    /// Writes it as JSON.
    fn write_json(&self, out: &mut Writer);
}

macro_rules! text_scalar {
    ($type:ty, $name:literal, $description:literal $(, $url:literal)?) => {
        text_scalar!($type, $name, $description $(, $url)?; as_str);
    };
    ($type:ty, $name:literal, $description:literal $(, $url:literal)?; $text:ident) => {
        impl ScalarValue for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            $(const SPECIFIED_BY: Option<&'static str> = Some($url);)?
            const WRONG_KIND: Rule = Rule::Format { expected: Form::Text };

            fn read(value: &Value) -> Option<Result<Self, Rule>> {
                match value {
                    Value::String(text) => Some(text.parse()),
                    _ => None,
                }
            }

            fn write(&self) -> Value {
                Value::String(self.$text().into())
            }

            fn write_json(&self, out: &mut Writer) {
                out.string(self.$text().as_ref());
            }
        }
    };
}

macro_rules! number_scalar {
    ($type:ty, $name:literal, $description:literal) => {
        impl ScalarValue for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const WRONG_KIND: Rule = Rule::NotAnInteger;

            fn read(value: &Value) -> Option<Result<Self, Rule>> {
                match value {
                    Value::Number(number) => {
                        let number = number.as_i64().or_else(|| whole(number)).or_else(|| beyond(number));
                        Some(number.map_or(Err(Rule::NotAnInteger), Self::try_from))
                    }
                    _ => None,
                }
            }

            fn write(&self) -> Value {
                Value::Number(i64::from(*self).into())
            }

            fn write_json(&self, out: &mut Writer) {
                out.integer(i64::from(*self));
            }
        }
    };
}

text_scalar!(
    Slug,
    "Slug",
    "The last part of a page's address: lower-case letters, digits and single hyphens, such as `about-us`."
);
text_scalar!(
    Locale,
    "Locale",
    "A language tag after BCP 47, such as `ja` or `zh-Hant`.",
    "https://www.rfc-editor.org/rfc/bcp/bcp47.txt"
);
text_scalar!(
    CountryCode,
    "CountryCode",
    "A country or area after ISO 3166-1 alpha-2, such as `JP`.",
    "https://www.iso.org/iso-3166-country-codes.html"
);
text_scalar!(CategoryCode, "CategoryCode", "The code of a category of visits, such as `RESIDENT`.");
text_scalar!(
    Markdown,
    "Markdown",
    "Markdown source: CommonMark with tables, footnotes and inline HTML.",
    "https://spec.commonmark.org/"
);
text_scalar!(Email, "String", "");
text_scalar!(Url, "String", "");
text_scalar!(Line, "String", "");
text_scalar!(Prose, "String", "");
number_scalar!(Year, "Year", "A calendar year from 1900 to 2200, as a number.");
number_scalar!(
    Version,
    "Version",
    "The number of a document's newest revision, as a number; 0 for a document that does not exist yet."
);
number_scalar!(Count, "Int", "");
number_scalar!(Position, "Int", "");
number_scalar!(Threshold, "Int", "");

/// A value that is no text in memory, and is written as one.
macro_rules! time_scalar {
    ($type:ty, $name:literal, $description:literal $(, $url:literal)?) => {
        text_scalar!($type, $name, $description $(, $url)?; to_string);
    };
}

time_scalar!(
    Moment,
    "DateTime",
    "A moment in the years 0001 to 9999, with its offset from UTC, such as `2026-04-01T09:00:00Z`. An input may have a space \
     in place of `T`, and leave out the seconds.",
    "https://datatracker.ietf.org/doc/html/rfc3339"
);
time_scalar!(
    Date,
    "Date",
    "A day in the years 0001 to 9999, such as `2026-04-01`.",
    "https://datatracker.ietf.org/doc/html/rfc3339"
);
time_scalar!(
    LocalDateTime,
    "LocalDateTime",
    "A date and time of day in the years 0001 to 9999, such as `2026-04-01T09:00:00`, `2026-04-01 09:00`, \
     `2026-04-01T09:00:00+09:00` or `2026-04-01T00:00:00Z`: local to a time zone that is named beside it, unless it has an \
     offset from UTC or `Z`."
);

/// A moment on its way out.
pub type At = Scalar<Moment>;

impl From<DateTime<Utc>> for At {
    fn from(at: DateTime<Utc>) -> Self {
        Self(Moment::nearest(at))
    }
}

/// A value on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar<T>(pub T);

impl<T: ScalarValue> OutputType for Scalar<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        match T::NAME {
            "String" => <String as OutputType>::create_type_info(registry),
            "Int" => <i32 as OutputType>::create_type_info(registry),
            _ => registry.create_output_type::<Self, _>(MetaTypeId::Scalar, |_| meta_type::<T>()),
        }
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(self.0.write())
    }
}

impl<T: ScalarValue> Output for Scalar<T> {
    fn write(&self, _: &Plan, out: &mut Writer) {
        self.0.write_json(out);
    }
}

/// A value that stays where it is, on its way out.
#[derive(Clone, Copy, Debug)]
pub struct ScalarRef<'a, T>(pub &'a T);

impl<T: ScalarValue> OutputType for ScalarRef<'_, T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Scalar<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(self.0.write())
    }
}

impl<T: ScalarValue> Output for ScalarRef<'_, T> {
    fn write(&self, _: &Plan, out: &mut Writer) {
        self.0.write_json(out);
    }
}

/// A value on its way in: of the right kind, and valid or with the rule that it breaks. A resolver takes it out with
/// [`super::Faults`], which names the field.
#[derive(Clone, Debug)]
pub struct Input<T>(pub Result<T, Rule>);

impl<T: ScalarValue> InputType for Input<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        // One scalar, whichever way it goes.
        <Scalar<T> as OutputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let value = value.unwrap_or_default();
        T::read(&value).map(Self).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        self.0.as_ref().map_or(Value::Null, ScalarValue::write)
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

fn meta_type<T: ScalarValue>() -> MetaType {
    MetaType::Scalar {
        name: T::NAME.to_owned(),
        description: Some(T::DESCRIPTION.to_owned()),
        is_valid: Some(Arc::new(|value| T::read(value).is_some())),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        specified_by_url: T::SPECIFIED_BY.map(str::to_owned),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// A string of the scalar `T` that is kept as JSON, with quotes and escapes, so that it is copied into answers as it is.
pub struct Literal<T> {
    json: Option<Arc<Body>>,
    part: fn(&Body) -> &str,
    scalar: PhantomData<fn() -> T>,
}

impl<T> Literal<T> {
    /// A part of a text. An empty string without one.
    #[must_use]
    pub fn new(body: Option<Arc<Body>>, part: fn(&Body) -> &str) -> Self {
        Self { json: body, part, scalar: PhantomData }
    }

    fn json(&self) -> &str {
        self.json.as_ref().map_or("\"\"", |body| (self.part)(body))
    }
}

impl<T: OutputType> OutputType for Literal<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::String(serde_json::from_str(self.json()).unwrap_or_default()))
    }
}

impl<T> Output for Literal<T> {
    fn write(&self, _: &Plan, out: &mut Writer) {
        out.raw(self.json().as_bytes());
    }
}

/// Sanitised HTML.
#[derive(Clone, Debug)]
pub struct Html(pub String);

/// Sanitised HTML, safe to place in a page: no script, no style, only links of allowed schemes.
#[async_graphql::Scalar(name = "Html", specified_by_url = "https://html.spec.whatwg.org/")]
impl async_graphql::ScalarType for Html {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}
