//! Expected outcomes of a mutation as data: `errors` in its payload. The rest goes up and is masked in `schema.rs`.

use async_graphql::{Context, Enum, Interface, Object, Union};
use entities::{Language, Locale, Rule, Version};

use super::{ContextExt, Input, Scalar};
use crate::{
    error::{Conflict, Error, Fault, Result},
    figures::year_sheet::{self, graphql::YearSheet},
};

/// What a client can expect to go wrong with a mutation.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum UserErrorCode {
    /// An input field breaks a rule.
    BadUserInput,
    /// The document was changed since the version that was sent.
    VersionConflict,
    /// What is to be changed does not exist.
    NotFound,
    /// E-mail address and password do not match an account.
    InvalidCredentials,
    /// The refresh token continues no session.
    SessionEnded,
    /// Too many attempts; try again later.
    RateLimited,
}

/// Something that a client can expect to go wrong. New types may come; treat one that you do not know by its `code`.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "UserErrorCode", desc = "What went wrong, for programs."),
    field(
        name = "message",
        ty = "String",
        desc = "What went wrong, for people; in English, or in Japanese for `ja`.",
        arg(name = "locale", ty = "Option<Input<Locale>>")
    ),
    field(
        name = "path",
        ty = "Vec<String>",
        desc = "The input field concerned, from `input` inwards; empty for none."
    )
)]
pub enum UserError {
    /// A broken rule.
    Validation(ValidationError),
    /// A lost race.
    Conflict(VersionConflict),
    /// Any other refusal.
    Refusal(Refusal),
}

/// An input field breaks a rule.
pub struct ValidationError(Fault);

/// An input field breaks a rule.
#[Object]
impl ValidationError {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        UserErrorCode::BadUserInput
    }

    /// The rule in words, for people; in English, or in Japanese for `ja`.
    async fn message(&self, locale: Option<Input<Locale>>) -> String {
        self.0.rule.message(language(locale))
    }

    /// The input field, from `input` inwards; list positions count from 0.
    async fn path(&self) -> Vec<String> {
        std::iter::once("input".to_owned()).chain(self.0.path.iter().cloned()).collect()
    }

    /// The rule that it breaks, for programs and translations, such as `OUT_OF_RANGE`.
    async fn rule(&self) -> &'static str {
        self.0.rule.code()
    }
}

/// Somebody else saved first. Nothing was written; merge with `current` and send its version.
pub struct VersionConflict(Box<Conflict>);

/// Somebody else saved first. Nothing was written; merge with `current` and send its version.
#[Object]
impl VersionConflict {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        UserErrorCode::VersionConflict
    }

    /// What went wrong, for people; in English, or in Japanese for `ja`.
    async fn message(&self, locale: Option<Input<Locale>>) -> String {
        Error::Conflict(self.0.clone()).message(language(locale))
    }

    /// The input field concerned.
    async fn path(&self) -> Vec<String> {
        vec!["input".to_owned(), "expectedVersion".to_owned()]
    }

    /// The version that was sent.
    async fn expected_version(&self) -> Scalar<Version> {
        Scalar(self.0.expected)
    }

    /// The version that stands.
    async fn current_version(&self) -> Scalar<Version> {
        Scalar(self.0.current)
    }

    /// When it was saved.
    async fn changed_at(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.changed_at
    }

    /// The e-mail address of the account that saved it; null when it was saved at the command line.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.0.editor_id?;
        Some(crate::access::account::email(ctx.state(), id).await)
    }

    /// The fields that differ between the two versions, such as `counts.CN.value`.
    async fn changed_fields(&self) -> &[String] {
        &self.0.changed_fields
    }

    /// The document as it stands.
    async fn current(&self, ctx: &Context<'_>) -> Option<Result<EditorialDocument>> {
        Some(current(ctx, &self.0).await)
    }
}

/// A document as editors see it. New types may come.
#[derive(Union)]
pub enum EditorialDocument {
    /// Figures of a category and year.
    YearSheet(YearSheet),
}

async fn current(ctx: &Context<'_>, conflict: &Conflict) -> Result<EditorialDocument> {
    let editor = ctx.editor().await?;
    let sheet = year_sheet::get(ctx.state().database().reader(), &editor, conflict.document_id).await?;
    Ok(EditorialDocument::YearSheet(YearSheet(sheet)))
}

/// A refusal that has nothing more to say than its code.
pub struct Refusal {
    code: UserErrorCode,
    error: Error,
}

/// A refusal that has nothing more to say than its code.
#[Object]
impl Refusal {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        self.code
    }

    /// What went wrong, for people; in English, or in Japanese for `ja`.
    async fn message(&self, locale: Option<Input<Locale>>) -> String {
        self.error.message(language(locale))
    }

    /// Always empty: no single field is at fault.
    async fn path(&self) -> Vec<String> {
        Vec::new()
    }
}

fn language(locale: Option<Input<Locale>>) -> Language {
    locale.and_then(|locale| locale.0.ok()).map_or(Language::English, |locale| Language::of(&locale))
}

/// The outcome of an operation whose expected errors are data.
pub type Expected<T> = std::result::Result<T, Vec<UserError>>;

/// Parts the errors that a client expects from those that it does not.
///
/// # Errors
/// The unexpected ones, for the top level.
pub fn expected<T>(result: Result<T>) -> Result<Expected<T>> {
    let error = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(error) => error,
    };
    let code = match error {
        Error::Invalid(faults) => {
            return Ok(Err(faults.into_iter().map(|fault| UserError::Validation(ValidationError(fault))).collect()));
        }
        Error::Conflict(conflict) => return Ok(Err(vec![UserError::Conflict(VersionConflict(conflict))])),
        Error::NotFound(_) => UserErrorCode::NotFound,
        Error::InvalidCredentials => UserErrorCode::InvalidCredentials,
        Error::SessionEnded => UserErrorCode::SessionEnded,
        Error::RateLimited(_) => UserErrorCode::RateLimited,
        Error::Unauthenticated | Error::Unavailable(_) | Error::Internal(_) => return Err(error),
    };
    Ok(Err(vec![UserError::Refusal(Refusal { code, error })]))
}

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
