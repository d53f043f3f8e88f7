//! The variables of a request, coerced to their types before anything runs (`CoerceVariableValues` of the specification).

use apollo_compiler::{
    Schema,
    ast::Type,
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::{Name, Number, Pos, Value as ConstValue};
use entities::{Form, Rule};
use serde_json::Value;

use super::{
    error::MAX_ERRORS,
    scalars::{self, Misfit},
};
use crate::{
    error::Fault,
    graphql::scalar::{beyond, whole},
};

/// The declaration of a variable.
pub(super) struct Variable {
    pub(super) name: Name,
    pub(super) ty: Type,
    /// Whether null can be sent for it: not where it stands for something that must have a value, whatever its type says.
    pub(super) may_be_null: bool,
    /// Whether resolvers report broken rules of scalars.
    pub(super) leaves_rules: bool,
    /// Checked with the document.
    pub(super) default: Option<ConstValue>,
    pub(super) place: Pos,
}

/// Characters of a name out of a request that are repeated in an error.
const SHOWN: usize = 100;

impl Variable {
    /// The value that was sent, as one of the type.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn coerce(&self, schema: &Schema, value: Value) -> Result<ConstValue, Vec<Fault>> {
        coerce(schema, &self.name, &self.ty, value, self.leaves_rules)
    }

    /// That there must be a value.
    pub(super) fn missing(&self) -> Fault {
        Fault { path: Path { name: &self.name, outer: None, step: None }.to_vec(), rule: Rule::Required }
    }
}

fn coerce(schema: &Schema, name: &str, ty: &Type, value: Value, leaves_rules: bool) -> Result<ConstValue, Vec<Fault>> {
    let mut coercion = Coercion { schema, leaves_rules, faults: Vec::new() };
    let coerced = coercion.value(ty, value, &Path { name, outer: None, step: None });
    if coercion.faults.is_empty() { Ok(coerced) } else { Err(coercion.faults) }
}

/// Where a value stands, from the variable inwards. It is written down only when there is a fault.
#[derive(Clone, Copy)]
struct Path<'a> {
    name: &'a str,
    outer: Option<&'a Self>,
    step: Option<Step<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Item(usize),
    Field(&'a str),
}

impl<'a> Path<'a> {
    const fn within(&'a self, step: Step<'a>) -> Self {
        Self { name: self.name, outer: Some(self), step: Some(step) }
    }

    fn to_vec(self) -> Vec<String> {
        let mut steps = Vec::new();
        let mut here = Some(&self);
        while let Some(path) = here {
            steps.push(match path.step {
                Some(Step::Item(index)) => index.to_string(),
                Some(Step::Field(name)) => name.chars().take(SHOWN).collect(),
                None => std::iter::once('$').chain(path.name.chars().take(SHOWN)).collect(),
            });
            here = path.outer;
        }
        steps.reverse();
        steps
    }
}

struct Coercion<'a> {
    schema: &'a Schema,
    leaves_rules: bool,
    faults: Vec<Fault>,
}

impl Coercion<'_> {
    /// What breaks a rule becomes null: it is not used.
    fn refuse(&mut self, path: &Path<'_>, rule: Rule) -> ConstValue {
        if self.faults.len() < MAX_ERRORS {
            self.faults.push(Fault { path: path.to_vec(), rule });
        }
        ConstValue::Null
    }

    fn value(&mut self, ty: &Type, value: Value, path: &Path<'_>) -> ConstValue {
        if value.is_null() {
            return if ty.is_non_null() { self.refuse(path, Rule::Required) } else { ConstValue::Null };
        }
        match (ty, value) {
            (Type::List(item) | Type::NonNullList(item), Value::Array(values)) => {
                let items = values.into_iter().enumerate();
                ConstValue::List(
                    items.map(|(index, value)| self.value(item, value, &path.within(Step::Item(index)))).collect(),
                )
            }
            // What is no list is a list of one.
            (Type::List(item) | Type::NonNullList(item), value) => {
                ConstValue::List(vec![self.value(item, value, path)])
            }
            (Type::Named(name) | Type::NonNullNamed(name), value) => match self.schema.types.get(name) {
                Some(ExtendedType::InputObject(definition)) => self.object(definition, value, path),
                Some(ExtendedType::Enum(definition)) => match value {
                    Value::String(name) if definition.values.keys().any(|known| known.as_str() == name) => {
                        ConstValue::Enum(Name::new(name))
                    }
                    _ => {
                        let allowed: Vec<&str> = definition.values.keys().map(apollo_compiler::Name::as_str).collect();
                        self.refuse(path, Rule::NotOneOf { allowed: allowed.join(", ") })
                    }
                },
                _ => self.scalar(name, value, path),
            },
        }
    }

    fn scalar(&mut self, name: &str, value: Value, path: &Path<'_>) -> ConstValue {
        let expected = |expected| Rule::Format { expected };
        let Ok(value) = ConstValue::from_json(value) else { return self.refuse(path, expected(Form::Json)) };
        let value = match value {
            // Whole numbers of all types, those of our own included.
            ConstValue::Number(number) if name != "Float" => {
                ConstValue::Number(whole(&number).map_or(number, Number::from))
            }
            value => value,
        };
        let rule = match (name, &value) {
            ("Int", ConstValue::Number(number)) => {
                match number.as_i64().or_else(|| beyond(number)).map(i32::try_from) {
                    Some(Ok(_)) => None,
                    Some(Err(_)) => Some(Rule::OutOfRange { min: i32::MIN.into(), max: i32::MAX.into() }),
                    None => Some(Rule::NotAnInteger),
                }
            }
            ("Int", _) => Some(Rule::NotAnInteger),
            ("Float", ConstValue::Number(_))
            | ("String" | "ID", ConstValue::String(_))
            | ("Boolean", ConstValue::Boolean(_)) => None,
            ("ID", ConstValue::Number(number)) if number.is_i64() => None,
            ("Float", _) => Some(expected(Form::Number)),
            ("String", _) => Some(expected(Form::Text)),
            ("ID", _) => Some(expected(Form::Id)),
            ("Boolean", _) => Some(expected(Form::Boolean)),
            (name, value) => match scalars::reader(name).map(|read| read(value)) {
                Some(Err(Misfit::Unreadable(rule))) => Some(rule),
                Some(Err(Misfit::Invalid(rule))) if !self.leaves_rules => Some(rule),
                _ => None,
            },
        };
        match rule {
            None => value,
            Some(rule) => self.refuse(path, rule),
        }
    }

    fn object(&mut self, definition: &InputObjectType, value: Value, path: &Path<'_>) -> ConstValue {
        let Value::Object(members) = value else { return self.refuse(path, Rule::Format { expected: Form::Object }) };
        if definition.is_one_of() && (members.len() != 1 || members.values().any(Value::is_null)) {
            return self.refuse(path, Rule::Format { expected: Form::OneOf });
        }
        for (key, field) in &definition.fields {
            if field.ty.is_non_null() && field.default_value.is_none() && !members.contains_key(key.as_str()) {
                self.refuse(&path.within(Step::Field(key)), Rule::Required);
            }
        }
        let one = |(key, value): (String, Value)| {
            let path = path.within(Step::Field(&key));
            let coerced = match definition.fields.get(key.as_str()) {
                Some(field) => self.value(&field.ty, value, &path),
                None => self.refuse(&path, Rule::UnknownField),
            };
            (Name::new(key), coerced)
        };
        ConstValue::Object(members.into_iter().map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graphql::request::validation::Validator;

    fn coerce(ty: &str, value: Value, leaves_rules: bool) -> Result<Value, Vec<String>> {
        let schema = Validator::get().expect("a schema").schema();
        let ty = Type::parse(ty, "type").expect("a type");
        let named = |fault: &Fault| format!("{} {}", fault.path.join("."), fault.rule.code());
        super::coerce(schema, "v", &ty, value, leaves_rules)
            .map(|coerced| coerced.into_json().expect("JSON"))
            .map_err(|faults| faults.iter().map(named).collect())
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction() {
        for ty in ["Int", "Year", "Version", "ID"] {
            assert_eq!(coerce(ty, json!(2018.0), false), Ok(json!(2018)), "{ty}");
            assert_eq!(coerce(ty, json!(2.018e3), false), Ok(json!(2018)), "{ty}");
            assert!(coerce(ty, json!(2018.5), false).is_err(), "{ty}");
        }
        assert_eq!(coerce("[Int!]!", json!([1.0, 2]), false), Ok(json!([1, 2])));
        assert_eq!(coerce("Int", json!(-0.0), false), Ok(json!(0)));
        for beyond in [json!(2_147_483_648.0), json!(1e300), json!(u64::MAX), json!(-1e20)] {
            assert_eq!(coerce("Int", beyond, false), Err(vec!["$v OUT_OF_RANGE".to_owned()]));
        }
    }

    #[test]
    fn values_are_held_against_their_types() {
        for (ty, value, faults) in [
            ("Int", json!("1"), "$v NOT_AN_INTEGER"),
            ("String", json!(1), "$v FORMAT"),
            ("Boolean", json!(0), "$v FORMAT"),
            ("ID", json!(true), "$v FORMAT"),
            ("Int!", json!(null), "$v REQUIRED"),
            ("[Int!]", json!([1, null]), "$v.1 REQUIRED"),
            ("Slug", json!("No Slug"), "$v FORMAT"),
            ("DateTime", json!("soon"), "$v FORMAT"),
            ("PageFilter", json!("a"), "$v FORMAT"),
            ("PageFilter", json!({ "nope": 1 }), "$v.nope UNKNOWN_FIELD"),
            ("PageFilter", json!({ "parent": 1 }), "$v.parent FORMAT"),
            ("DocumentSelector", json!({}), "$v FORMAT"),
        ] {
            assert_eq!(coerce(ty, value.clone(), false), Err(vec![faults.to_owned()]), "{ty} {value}");
        }
        assert_eq!(coerce("[Int]", json!(1), false), Ok(json!([1])), "a list of one");
        assert_eq!(coerce("[Int]", json!(null), false), Ok(json!(null)));
        assert_eq!(coerce("PageFilter", json!({ "parent": null }), false), Ok(json!({ "parent": null })));
    }

    #[test]
    fn mutations_report_broken_rules_themselves_but_get_nothing_that_cannot_be_read() {
        assert_eq!(coerce("Slug", json!("No Slug"), true), Ok(json!("No Slug")));
        assert!(coerce("Slug", json!(1), true).is_err());
        assert!(coerce("DateTime", json!("soon"), true).is_err());
    }

    #[test]
    fn errors_repeat_only_so_much() {
        let faults = coerce("PageFilter", json!({ "a".repeat(10_000): 1 }), false).expect_err("unknown");
        assert!(faults[0].len() < 200);
        let faults = coerce("[Int]", json!(vec!["x"; 1_000]), false).expect_err("no numbers");
        assert_eq!(faults.len(), MAX_ERRORS);
    }
}
