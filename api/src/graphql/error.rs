//! Expected outcomes of a mutation as data: `errors` in its payload. The rest goes up and is masked in `schema.rs`.

use std::collections::{BTreeSet, HashSet};

use async_graphql::{Context, Enum, ID, Interface, Object};
use entities::{CategoryCode, Language, Locale, Rule, Unexplained, Version, Year};

use super::{At, ContextExt, Input, Scalar, global_id};
use crate::{
    document::{self, graphql::Document},
    editorial::diff::overlaps,
    error::{Blocker, Conflict, Error, Fault, Result},
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
    /// Role or token do not allow it.
    Forbidden,
    /// What is to be published is not fit for it yet.
    PublishBlocked,
    /// The idempotency key came with another request before.
    IdempotencyKeyReused,
    /// E-mail address and password do not match an account.
    InvalidCredentials,
    /// The refresh token continues no session.
    SessionEnded,
    /// The link to set a password with is unknown, used or expired, or its account is shut out.
    LinkEnded,
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
        desc = "What went wrong, for people; in Japanese for `ja`, and in English otherwise.",
        arg(
            name = "locale",
            ty = "Option<Input<Locale>>",
            desc = "The language to say it in; that of the request when left out."
        )
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
    /// What stands in the way of publishing.
    Blocker(PublishBlocker),
    /// A total that differs from the sum of its parts.
    Reconciliation(ReconciliationError),
    /// Any other refusal.
    Refusal(Refusal),
}

/// An input field breaks a rule.
pub struct ValidationError(pub Fault);

/// An input field breaks a rule.
#[Object]
impl ValidationError {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        UserErrorCode::BadUserInput
    }

    /// The rule in words, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        self.0.rule.message(ctx.language(locale))
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

    /// What went wrong, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        Error::Conflict(self.0.clone()).message(ctx.language(locale))
    }

    /// The input field concerned.
    async fn path(&self) -> Vec<String> {
        let mut path = within_input(&self.0.path);
        path.push("expectedVersion".to_owned());
        path
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
    async fn changed_at(&self) -> At {
        self.0.changed_at.into()
    }

    /// The e-mail address of the account that saved it; null when it was saved at the command line.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.0.editor_id?;
        Some(crate::access::account::email(ctx.state(), id).await)
    }

    /// The fields that differ between the two versions, such as `counts.CN.value`: what the others changed.
    async fn changed_fields(&self) -> &[String] {
        &self.0.changed_fields
    }

    /// The fields to which you gave another value than they had in the version that you sent.
    async fn attempted_fields(&self) -> &[String] {
        &self.0.attempted_fields
    }

    /// The fields that the others changed and that your input would change again, among them those that you sent with the
    /// old value. When there are none, the same input can be sent again with the current version.
    async fn conflicting_fields(&self) -> Vec<String> {
        conflicting(&self.0)
    }

    /// Whether there are conflicting fields.
    async fn touches_same_fields(&self) -> bool {
        !conflicting(&self.0).is_empty()
    }

    /// The document as it stands.
    async fn current(&self, ctx: &Context<'_>) -> Option<Result<Document>> {
        Some(current(ctx, &self.0).await)
    }
}

fn within_input(path: &[String]) -> Vec<String> {
    std::iter::once("input").chain(path.iter().map(String::as_str)).map(str::to_owned).collect()
}

fn conflicting(conflict: &Conflict) -> Vec<String> {
    let written = conflict.attempted_fields.iter().chain(&conflict.overwritten_fields);
    let written: BTreeSet<String> = written.cloned().collect();
    overlaps(&Vec::from_iter(written), &conflict.changed_fields)
}

async fn current(ctx: &Context<'_>, conflict: &Conflict) -> Result<Document> {
    let editor = ctx.editor().await?;
    Ok(Document(document::read(ctx.state().database().reader(), &editor, conflict.document_id).await?))
}

/// Something that stands in the way of publishing a document.
pub struct PublishBlocker(pub Blocker);

/// Something that stands in the way of publishing a document.
#[Object]
impl PublishBlocker {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        UserErrorCode::PublishBlocked
    }

    /// What is wrong, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        self.0.fault.rule.message(ctx.language(locale))
    }

    /// The field of the document, such as `body`.
    async fn path(&self) -> &[String] {
        &self.0.fault.path
    }

    /// The rule that stands in the way, for programs and translations, such as `DEAD_LINK`.
    async fn rule(&self) -> &'static str {
        self.0.fault.rule.code()
    }

    /// What can be done about it, for people; in Japanese for `ja`, and in English otherwise.
    async fn remedy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> Option<String> {
        self.0.fault.rule.remedy(ctx.language(locale))
    }

    /// The document.
    async fn document_id(&self) -> ID {
        global_id("Document", self.0.document_id)
    }
}

/// A published total that would differ from the sum of its countries without a note that says why.
pub struct ReconciliationError {
    blocker: Blocker,
    found: Box<Unexplained>,
}

impl ReconciliationError {
    /// What a blocker says of a total, if it is about one.
    fn read(blocker: Blocker) -> UserError {
        match blocker.fault.rule.clone() {
            Rule::Unexplained(found) => UserError::Reconciliation(Self { blocker, found }),
            _ => UserError::Blocker(PublishBlocker(blocker)),
        }
    }
}

/// A published total that would differ from the sum of its countries without a note that says why. Correct the figures,
/// add a row for what belongs to no country in particular (`ZZ`), or explain the difference in the note of the total.
#[Object]
impl ReconciliationError {
    /// What went wrong, for programs.
    async fn code(&self) -> UserErrorCode {
        UserErrorCode::PublishBlocked
    }

    /// What is wrong, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        self.blocker.fault.rule.message(ctx.language(locale))
    }

    /// The field of the document: `total`.
    async fn path(&self) -> &[String] {
        &self.blocker.fault.path
    }

    /// The rule that stands in the way: `UNEXPLAINED_DIFFERENCE`.
    async fn rule(&self) -> &'static str {
        self.blocker.fault.rule.code()
    }

    /// What can be done about it, for people; in Japanese for `ja`, and in English otherwise.
    async fn remedy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> Option<String> {
        self.blocker.fault.rule.remedy(ctx.language(locale))
    }

    /// The document of the year sheet.
    async fn document_id(&self) -> ID {
        global_id("Document", self.blocker.document_id)
    }

    /// The category's code.
    async fn category(&self) -> Scalar<CategoryCode> {
        Scalar(self.found.category.clone())
    }

    /// The year.
    async fn year(&self) -> Scalar<Year> {
        Scalar(self.found.year)
    }

    /// The total that was to be published.
    async fn published_total(&self) -> i64 {
        self.found.total
    }

    /// The sum of the countries.
    async fn sum_of_countries(&self) -> i64 {
        self.found.sum
    }

    /// The sum less the total.
    async fn difference(&self) -> i64 {
        self.found.sum - self.found.total
    }
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

    /// What went wrong, for people; in Japanese for `ja`, and in English otherwise.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> String {
        self.error.message(ctx.language(locale))
    }

    /// Where the input names it, when the input is about several documents; empty otherwise: no single field is at fault.
    async fn path(&self) -> Vec<String> {
        match &self.error {
            Error::NotFound { path, .. } if !path.is_empty() => within_input(path),
            _ => Vec::new(),
        }
    }
}

/// The language of an argument alone, for what is kept for everybody; English when it is left out.
pub fn language(locale: Option<Input<Locale>>) -> Language {
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
        Error::Invalid(mut faults) => {
            // One value may be looked at twice.
            let mut known = HashSet::new();
            faults.retain(|fault| known.insert((fault.path.clone(), fault.rule.code())));
            return Ok(Err(faults.into_iter().map(|fault| UserError::Validation(ValidationError(fault))).collect()));
        }
        Error::Conflict(conflict) => return Ok(Err(vec![UserError::Conflict(VersionConflict(conflict))])),
        Error::Blocked(blockers) => {
            return Ok(Err(blockers.into_iter().map(ReconciliationError::read).collect()));
        }
        Error::Several(errors) => {
            let mut told = Vec::new();
            for error in errors {
                told.extend(expected::<T>(Err(error))?.err().into_iter().flatten());
            }
            return Ok(Err(told));
        }
        Error::Forbidden => UserErrorCode::Forbidden,
        Error::IdempotencyKeyReused => UserErrorCode::IdempotencyKeyReused,
        Error::NotFound { .. } => UserErrorCode::NotFound,
        Error::InvalidCredentials => UserErrorCode::InvalidCredentials,
        Error::SessionEnded => UserErrorCode::SessionEnded,
        Error::LinkEnded => UserErrorCode::LinkEnded,
        Error::RateLimited(_) => UserErrorCode::RateLimited,
        Error::Unauthenticated
        | Error::QuotaExceeded(_)
        | Error::ChangeNotSeen
        | Error::PreviewEnded
        | Error::ProviderUnavailable
        | Error::FeedWentBack { .. }
        | Error::NoFont
        | Error::Overloaded
        | Error::Unavailable(_)
        | Error::Busy(_)
        | Error::StorageFull(_)
        | Error::StorageFailed(_)
        | Error::OutcomeUnknown(_)
        | Error::ResponseTooLong { .. }
        | Error::Internal(_) => return Err(error),
    };
    Ok(Err(vec![UserError::Refusal(Refusal { code, error })]))
}
