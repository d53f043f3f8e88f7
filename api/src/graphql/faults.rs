//! Taking input values out of their wrappers, and keeping all that is wrong with them.

use std::str::FromStr;

use async_graphql::{ID, MaybeUndefined};
use entities::{Localized, Rule};
use uuid::Uuid;

use super::{Input, LocalizedTextInput, parse_global_id};
use crate::error::{Error, Fault, Result};

/// Takes input values out of their wrappers and keeps every fault, so that all are reported at once.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The value, or a fault at `path`.
    pub fn take<T>(&mut self, path: &[&str], input: Input<T>) -> Option<T> {
        match input.0 {
            Ok(value) => Some(value),
            Err(rule) => {
                self.push(path, rule);
                None
            }
        }
    }

    /// The values that are valid, and a fault at `path` and its position for each of the others.
    pub fn take_list<T>(&mut self, path: &[&str], inputs: Vec<Input<T>>) -> Vec<T> {
        let mut values = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.into_iter().enumerate() {
            values.extend(self.take(&[path, &[index.to_string().as_str()]].concat(), input));
        }
        values
    }

    /// The document that a global id names, or a fault at `path`. The id may be that of the document itself or of what
    /// front ends see of it.
    pub fn take_id(&mut self, path: &[&str], id: &ID) -> Option<Uuid> {
        let id = parse_global_id(id).map(|found| found.id);
        if id.is_none() {
            self.push(path, Rule::Unknown);
        }
        id
    }

    /// The text patched in an input field: the fault is that it is required when it is null.
    pub fn take_required<T>(
        &mut self,
        path: &[&str],
        input: MaybeUndefined<Input<T>>,
        current: Option<T>,
    ) -> Option<T> {
        match input {
            MaybeUndefined::Undefined if current.is_some() => current,
            MaybeUndefined::Undefined | MaybeUndefined::Null => {
                self.push(path, Rule::Required);
                None
            }
            MaybeUndefined::Value(input) => self.take(path, input),
        }
    }

    /// The optional value patched in an input field: omitted keeps, null clears.
    pub fn take_optional<T>(
        &mut self,
        path: &[&str],
        input: MaybeUndefined<Input<T>>,
        current: Option<T>,
    ) -> Option<T> {
        match input {
            MaybeUndefined::Undefined => current,
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(input) => self.take(path, input),
        }
    }

    /// The texts patched in an input field, each in its locale: omitted keeps, null clears.
    pub fn take_texts<T: FromStr<Err = Rule>>(
        &mut self,
        path: &[&str],
        input: MaybeUndefined<Vec<LocalizedTextInput>>,
        current: Localized<T>,
    ) -> Localized<T> {
        match input {
            MaybeUndefined::Undefined => current,
            MaybeUndefined::Null => Localized::new(),
            MaybeUndefined::Value(inputs) => self.take_localized(path, inputs),
        }
    }

    /// Texts, each in its locale.
    pub fn take_localized<T: FromStr<Err = Rule>>(
        &mut self,
        path: &[&str],
        inputs: Vec<LocalizedTextInput>,
    ) -> Localized<T> {
        let mut texts = Localized::new();
        for (index, LocalizedTextInput { locale, text }) in inputs.into_iter().enumerate() {
            let index = index.to_string();
            let locale = self.take(&[path, &[index.as_str(), "locale"]].concat(), locale);
            let text = self.take(&[path, &[index.as_str(), "text"]].concat(), Input(text.parse()));
            if let (Some(locale), Some(text)) = (locale, text)
                && texts.insert(locale, text).is_some()
            {
                self.push(&[path, &[index.as_str(), "locale"]].concat(), Rule::Duplicate);
            }
        }
        texts
    }

    /// Whether nothing was wrong so far.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fault that says itself where it is.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds one, unless there is a fault at its place, or around or within it, of which it may be a consequence.
    pub fn add_beside(&mut self, fault: Fault) {
        let is_near = |known: &Fault| known.path.starts_with(&fault.path) || fault.path.starts_with(&known.path);
        if !self.0.iter().any(is_near) {
            self.0.push(fault);
        }
    }

    /// Adds the faults found elsewhere.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Adds a fault.
    pub fn push(&mut self, path: &[&str], rule: Rule) {
        self.0.push(Fault::new(path, rule));
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Nothing, if there was no fault.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all of them.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

impl From<Faults> for Vec<Fault> {
    fn from(faults: Faults) -> Self {
        faults.0
    }
}
