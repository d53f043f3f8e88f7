//! How much one GraphQL request may ask for, decided before anything recursive or exponential looks at it.
//!
//! Parser, validator and executor all walk a document recursively and write fragments out wherever they are spread, so
//! a short text can cost unbounded stack or time. Three checks stand in front of them, none of which recurses:
//! [`scan()`] reads the source text before the parser does, [`check()`] reads the parsed document before validation does,
//! and [`check_variables`] reads the JSON of the variables before it becomes GraphQL values.
//!
//! What does not belong here: the price of a field (that needs the schema), rate limits (those need the caller), and
//! whether a document is valid.

mod scan;
mod weight;

use serde_json::{Map, Value};

pub use self::{
    scan::{is_name, names_and_colons, scan, without_commas},
    weight::check,
};

/// What one request may contain. Every limit is inclusive: a request exactly at its limit passes.
///
/// The defaults leave room for the introspection query of GraphiQL, which is 15 fields deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the source text in bytes of UTF-8, comments and white space included.
    pub document_bytes: usize,
    /// Lexical tokens of the source text: punctuators, names, numbers and strings.
    pub tokens: usize,
    /// Brackets of any kind, `(`, `[` and `{`, that are open at the same time in the source text; and selection sets
    /// inside each other after fragments are written out. The engine by itself stops at 32 of the latter.
    pub nesting: usize,
    /// Directives written in the source text.
    pub directives: usize,
    /// Values directly inside one list, in a literal or in a variable.
    pub list_items: usize,
    /// Fields with an alias, summed over all operations after fragments are written out.
    pub aliases: usize,
    /// Fields on the longest way from an operation to a leaf, after fragments are written out.
    pub depth: usize,
    /// Lists of introspection inside each other, such as the `fields` of the `possibleTypes` of a type, after fragments are
    /// written out. With each the response is many times as long. What tools ask for has one.
    pub introspection_lists: usize,
    /// Fields and fragments selected, summed over all operations after fragments are written out.
    pub selections: usize,
    /// Lists and objects open at the same time inside one variable.
    pub variable_nesting: usize,
    /// Values in the JSON of a request, all together: each takes many times its text in memory.
    pub json_values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 64 * 1024,
            tokens: 5_000,
            nesting: 32,
            directives: 50,
            list_items: 1_000,
            aliases: 100,
            depth: 15,
            introspection_lists: 2,
            selections: 2_000,
            variable_nesting: 16,
            json_values: 250_000,
        }
    }
}

/// A request went over one of its [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This request exceeds the limit \"{limit}\": at most {maximum} allowed, found {actual} or more.")]
pub struct LimitExceeded {
    /// Name of the limit, as it is called in [`Limits`]; `children` for pages below others, which are counted as they are read.
    pub limit: &'static str,
    /// What the limit allows.
    pub maximum: usize,
    /// What was counted until counting stopped. The true number may be higher.
    pub actual: usize,
}

fn at_most(maximum: usize, actual: usize, limit: &'static str) -> Result<(), LimitExceeded> {
    if actual > maximum { Err(LimitExceeded { limit, maximum, actual }) } else { Ok(()) }
}

/// Checks the JSON of a request before it is parsed. Nothing is said of what is no JSON.
pub fn check_json(json: &[u8], limits: &Limits) -> Result<(), LimitExceeded> {
    let (mut values, mut in_string, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b',' if !in_string => values += 1,
            _ => {}
        }
    }
    at_most(limits.json_values, values, "json_values")
}

/// Checks the variables, or any other JSON object that comes with a request.
pub fn check_variables(variables: &Map<String, Value>, limits: &Limits) -> Result<(), LimitExceeded> {
    let mut stack: Vec<(&Value, usize)> = variables.values().map(|value| (value, 1)).collect();
    while let Some((value, nesting)) = stack.pop() {
        match value {
            Value::Array(items) => {
                at_most(limits.variable_nesting, nesting, "variable_nesting")?;
                at_most(limits.list_items, items.len(), "list_items")?;
                stack.extend(items.iter().map(|item| (item, nesting + 1)));
            }
            Value::Object(members) => {
                at_most(limits.variable_nesting, nesting, "variable_nesting")?;
                stack.extend(members.values().map(|member| (member, nesting + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_names_the_limit_and_both_numbers() {
        let exceeded = LimitExceeded { limit: "aliases", maximum: 100, actual: 101 };
        assert_eq!(
            exceeded.to_string(),
            "This request exceeds the limit \"aliases\": at most 100 allowed, found 101 or more."
        );
    }

    #[test]
    fn the_values_of_a_body_are_counted_and_those_in_its_texts_are_not() {
        let limits = Limits::default();
        let list = |items: usize| format!("[{}]", "1,".repeat(items));
        assert_eq!(check_json(list(limits.json_values - 1).as_bytes(), &limits), Ok(()));
        let exceeded = check_json(list(limits.json_values).as_bytes(), &limits).map_err(|exceeded| exceeded.limit);
        assert_eq!(exceeded, Err("json_values"));
        let text = json!("\\\"[,{").to_string().repeat(limits.json_values);
        assert_eq!(check_json(text.as_bytes(), &limits), Ok(()));
    }

    #[test]
    fn variables_have_limits_of_their_own() {
        let checked = |value: Value| {
            let variables = Map::from_iter([("a".to_owned(), value)]);
            check_variables(&variables, &Limits::default()).map_err(|exceeded| exceeded.limit)
        };
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(checked(nested(16)), Ok(()));
        assert_eq!(checked(nested(17)), Err("variable_nesting"));
        assert_eq!(checked((0..17).fold(json!(1), |inner, _| json!({ "a": inner }))), Err("variable_nesting"));
        assert_eq!(checked(json!(vec![1; 1_000])), Ok(()));
        assert_eq!(checked(json!({ "b": [vec![1; 1_001]] })), Err("list_items"));
    }
}
