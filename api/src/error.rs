//! What can go wrong, in one enum. The codes by which clients know it are in `error/code.rs`.
//!
//! `Display` of [`Error`] is safe to show by definition; what an operator needs is in `source()` and in the log.
//! Which error to use where: an operation returns [`Error`]; a resolver turns the expected ones into `errors` of its
//! payload (`graphql.rs`) and passes the rest up; `schema.rs` masks whatever is not ours.

mod code;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use entities::{Language, Rule, Version};
use sea_orm::DbErr;
use uuid::Uuid;

pub use self::code::Code;
use crate::database::Failure;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One broken rule and where: the path of an input field (`["counts", "2", "country"]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the outermost field inwards; list positions count from 0.
    pub path: Vec<String>,
    /// The rule.
    pub rule: Rule,
}

impl Fault {
    /// A fault at `path`.
    pub fn new<S: ToString>(path: impl IntoIterator<Item = S>, rule: Rule) -> Self {
        Self { path: path.into_iter().map(|part| part.to_string()).collect(), rule }
    }
}

/// Somebody else saved first.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The document.
    pub document_id: Uuid,
    /// Where in the input the document is named; empty when the input is about one document.
    pub path: Vec<String>,
    /// The version that the writer had seen.
    pub expected: Version,
    /// The version that stands.
    pub current: Version,
    /// The account that saved it; none when it was saved at the command line.
    pub editor_id: Option<Uuid>,
    /// When.
    pub changed_at: DateTime<Utc>,
    /// The content that the writer had seen, if that version exists.
    pub base: Option<serde_json::Value>,
    /// The fields that differ between the two versions (`counts.CN.value`).
    pub changed_fields: Vec<String>,
    /// The fields that the writer wanted to change.
    pub attempted_fields: Vec<String>,
    /// The fields that the same input would change in the current version.
    pub overwritten_fields: Vec<String>,
}

/// Why a document cannot be published as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The document.
    pub document_id: Uuid,
    /// What is wrong with it, and in which field.
    pub fault: Fault,
}

/// Everything that an operation can fail with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Rules that the input broke, all of them.
    #[error("{}", describe(.0, Language::English))]
    Invalid(Vec<Fault>),
    /// Somebody else saved first.
    #[error("{}", stands(.0))]
    Conflict(Box<Conflict>),
    /// What is to be published is not fit for it yet; everything that stands in the way.
    #[error("{}", describe(.0.iter().map(|blocker| &blocker.fault), Language::English))]
    Blocked(Vec<Blocker>),
    /// It does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// What.
        what: &'static str,
        /// Where in the input it is named; empty when the input is about one document.
        path: Vec<String>,
    },
    /// What is wrong with several documents, each by itself.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Self>),
    /// There is no valid access token.
    #[error("this needs a valid access token")]
    Unauthenticated,
    /// Role or token do not allow it.
    #[error("this needs a permission that you do not have")]
    Forbidden,
    /// The idempotency key came with another request before.
    #[error("this idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The preview link is unknown, expired or revoked.
    #[error("the preview has ended; ask for a new link")]
    PreviewEnded,
    /// Address and password do not match an account that may sign in.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    /// The refresh token continues no session.
    #[error("the session has ended; sign in again")]
    SessionEnded,
    /// The link to set a password with is unknown, used or expired, or its account is shut out.
    #[error("the link has ended; ask for a new one")]
    LinkEnded,
    /// Too many attempts.
    #[error("too many attempts; try again in {} seconds", .0.as_secs().max(1))]
    RateLimited(Duration),
    /// The quota of this minute is used up; after so many seconds there is a whole one again.
    #[error("the quota of this minute is used up; try again in {0} seconds")]
    QuotaExceeded(i64),
    /// The change that the client named is not here yet, or never was made.
    #[error("the change that Almanac-Change-Token names is not here yet; try again")]
    ChangeNotSeen,
    /// The database cannot be reached.
    #[error("the database cannot be reached; try again")]
    Unavailable(#[source] Arc<DbErr>),
    /// The database is overloaded, or other writers take too long.
    #[error("the database is busy; try again")]
    Busy(#[source] Arc<DbErr>),
    /// The disk of the database is full.
    #[error("the disk of the database is full; try again when there is room")]
    StorageFull(#[source] Arc<DbErr>),
    /// The disk of the database fails, or its file is damaged.
    #[error("the disk of the database fails; try again")]
    StorageFailed(#[source] Arc<DbErr>),
    /// The database did not say whether a write was carried out, and could not be asked.
    #[error("it is not known whether this was saved; look, or send it again with the Idempotency-Key that it had")]
    OutcomeUnknown(#[source] Arc<Self>),
    /// Too many requests wait for a thread, or for memory, already.
    #[error("the server has too much to do; try again in a moment")]
    Overloaded,
    /// The database has lost a change that this process has served; the process ends.
    #[error("the database is older than what this server has served; the server stops")]
    FeedWentBack {
        /// The change.
        seq: i64,
    },
    /// An identity provider cannot be reached, and only it can tell whether a token is good.
    #[error("the identity provider cannot be reached; try again")]
    ProviderUnavailable,
    /// No font of this machine has the letters of a picture.
    #[error("this server has no font with the letters of the picture; ask for the SVG")]
    NoFont,
    /// The response is longer than a response may be.
    #[error("the response is longer than {max} bytes; ask for less at once")]
    ResponseTooLong {
        /// The longest response, in bytes.
        max: usize,
    },
    /// A mistake of ours, or of the machine's.
    #[error("internal error")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// One broken rule.
    pub fn invalid<S: ToString>(path: impl IntoIterator<Item = S>, rule: Rule) -> Self {
        Self::Invalid(vec![Fault::new(path, rule)])
    }

    /// What is asked for does not exist.
    #[must_use]
    pub const fn not_found(what: &'static str) -> Self {
        Self::NotFound { what, path: Vec::new() }
    }

    /// All of these, of which there is one at least. Broken rules come last, as one error: who lost a race is told that first.
    #[must_use]
    pub fn all(errors: Vec<Self>) -> Self {
        let (mut errors, mut broken) = (errors, Vec::new());
        errors.retain_mut(|error| match error {
            Self::Invalid(faults) => {
                broken.append(faults);
                false
            }
            _ => true,
        });
        if !broken.is_empty() {
            errors.push(Self::Invalid(broken));
        }
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            last => {
                errors.extend(last);
                Self::Several(errors)
            }
        }
    }

    /// Whether it is about one document, so that others can be looked at all the same.
    #[must_use]
    pub const fn is_of_one_document(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::Conflict(_) | Self::NotFound { .. })
    }

    /// A failure that is nobody's input's fault.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(source.into()))
    }

    /// The same error, its faults one step further in: below `outer`.
    #[must_use]
    pub fn within(mut self, outer: impl Into<String>) -> Self {
        if let Self::Invalid(faults) = &mut self {
            let outer = outer.into();
            for fault in faults {
                fault.path.insert(0, outer.clone());
            }
        }
        self
    }

    /// The same error, if it is a conflict or about what is not there, of the document that this place in the input names.
    #[must_use]
    pub fn at(mut self, place: &[String]) -> Self {
        match &mut self {
            Self::Conflict(conflict) => conflict.path = place.to_vec(),
            Self::NotFound { path, .. } => *path = place.to_vec(),
            _ => {}
        }
        self
    }

    /// What a client may read, in words.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match (language, self) {
            (Language::English, error) => error.to_string(),
            (_, Self::Invalid(faults)) => describe(faults, language),
            (_, Self::Blocked(blockers)) => describe(blockers.iter().map(|blocker| &blocker.fault), language),
            (_, Self::Conflict(conflict)) => {
                let Conflict { expected, current, .. } = &**conflict;
                if expected > current {
                    format!("版{expected}はありません(現在は版{current})")
                } else {
                    format!("版{expected}のあとに変更されています(現在は版{current})")
                }
            }
            (_, Self::NotFound { .. }) => "対象が見つかりません".to_owned(),
            (_, Self::Several(errors)) => {
                errors.iter().map(|error| error.message(language)).collect::<Vec<_>>().join("; ")
            }
            (_, Self::Unauthenticated) => "有効なアクセストークンが必要です".to_owned(),
            (_, Self::Forbidden) => "この操作を行う権限がありません".to_owned(),
            (_, Self::IdempotencyKeyReused) => "このIdempotency-Keyは別のリクエストで使われています".to_owned(),
            (_, Self::PreviewEnded) => "プレビューは終了しました。新しいリンクを発行してもらってください".to_owned(),
            (_, Self::InvalidCredentials) => "メールアドレスまたはパスワードが違います".to_owned(),
            (_, Self::SessionEnded) => "セッションが終了しました。もう一度サインインしてください".to_owned(),
            (_, Self::LinkEnded) => "リンクは無効です。新しいリンクを発行してもらってください".to_owned(),
            (_, Self::RateLimited(wait)) => {
                format!("試行回数が多すぎます。{}秒後にもう一度お試しください", wait.as_secs().max(1))
            }
            (_, Self::QuotaExceeded(reset)) => {
                format!("この1分間の利用枠を使い切りました。{reset}秒後にもう一度お試しください")
            }
            (_, Self::ChangeNotSeen) => "指定された変更がまだ反映されていません。もう一度お試しください".to_owned(),
            (_, Self::Unavailable(_)) => "データベースに接続できません。もう一度お試しください".to_owned(),
            (_, Self::Busy(_)) => "データベースが混み合っています。もう一度お試しください".to_owned(),
            (_, Self::StorageFull(_)) => {
                "データベースのディスクに空きがありません。空きができてからもう一度お試しください".to_owned()
            }
            (_, Self::StorageFailed(_)) => {
                "データベースのディスクに異常があります。もう一度お試しください".to_owned()
            }
            (_, Self::OutcomeUnknown(_)) => {
                "保存されたかどうか確認できませんでした。内容を確認するか、同じIdempotency-Keyでもう一度送信してください"
                    .to_owned()
            }
            (_, Self::Overloaded) => "サーバーが混み合っています。しばらくしてからもう一度お試しください".to_owned(),
            (_, Self::FeedWentBack { .. }) => {
                "データベースがこのサーバーの公開内容より古いため、サーバーを停止します".to_owned()
            }
            (_, Self::ProviderUnavailable) => "認証サービスに接続できません。もう一度お試しください".to_owned(),
            (_, Self::NoFont) => "図の文字を表示できるフォントがありません。SVG形式をご利用ください".to_owned(),
            (_, Self::ResponseTooLong { max }) => {
                format!("応答が{max}バイトを超えています。範囲を絞ってください")
            }
            (_, Self::Internal(_)) => "内部エラーが発生しました".to_owned(),
        }
    }

    /// The error of the database, if it is the database that failed.
    #[must_use]
    pub fn database(&self) -> Option<&DbErr> {
        match self {
            Self::Unavailable(cause) | Self::Busy(cause) | Self::StorageFull(cause) | Self::StorageFailed(cause) => {
                Some(cause)
            }
            Self::OutcomeUnknown(cause) => cause.database(),
            Self::Internal(cause) => cause.downcast_ref(),
            _ => None,
        }
    }

    /// What happened to the database, if it is the database that failed.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.database().map(Failure::of)
    }

    /// Whether the same may succeed later without anything being changed about it: neither the input nor the code is at
    /// fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.failure().is_some_and(|failure| failure != Failure::Statement)
    }

    /// Its code in the catalogue.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::BadUserInput,
            Self::Conflict(_) => Code::VersionConflict,
            Self::NotFound { .. } => Code::NotFound,
            Self::Several(errors) => match errors.first() {
                Some(first) => first.code(),
                None => Code::Internal,
            },
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Forbidden => Code::Forbidden,
            Self::Blocked(_) => Code::PublishBlocked,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::PreviewEnded => Code::PreviewEnded,
            Self::InvalidCredentials => Code::InvalidCredentials,
            Self::SessionEnded => Code::SessionEnded,
            Self::LinkEnded => Code::LinkEnded,
            Self::RateLimited(_) | Self::QuotaExceeded(_) => Code::RateLimited,
            Self::ChangeNotSeen => Code::ChangeNotSeen,
            Self::Unavailable(_)
            | Self::FeedWentBack { .. }
            | Self::Busy(_)
            | Self::StorageFailed(_)
            | Self::ProviderUnavailable
            | Self::NoFont => Code::Unavailable,
            Self::StorageFull(_) => Code::StorageFull,
            Self::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Self::ResponseTooLong { .. } => Code::LimitExceeded,
            Self::Overloaded => Code::Overloaded,
            Self::Internal(_) => Code::Internal,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match Failure::of(&error) {
            Failure::Unreachable => Self::Unavailable(Arc::new(error)),
            Failure::Busy => Self::Busy(Arc::new(error)),
            Failure::StorageFull => Self::StorageFull(Arc::new(error)),
            Failure::StorageFailed => Self::StorageFailed(Arc::new(error)),
            Failure::Denied | Failure::Statement => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

fn stands(Conflict { expected, current, .. }: &Conflict) -> String {
    if expected > current {
        format!("there is no version {expected} of the document; its version is now {current}")
    } else {
        format!("the document was changed since version {expected}; its version is now {current}")
    }
}

fn describe<'a>(faults: impl IntoIterator<Item = &'a Fault>, language: Language) -> String {
    let one = |fault: &Fault| format!("{}: {}", fault.path.join("."), fault.rule.message(language));
    faults.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_errors_broken_rules_are_told_last_and_as_one() {
        let broken = |field: &str| Error::invalid([field], Rule::Required);
        assert!(matches!(Error::all(vec![Error::Forbidden]), Error::Forbidden));
        let Error::Invalid(faults) = Error::all(vec![broken("a"), broken("b")]) else { panic!("broken rules alone") };
        assert_eq!(faults.len(), 2);
        let all = Error::all(vec![broken("a"), Error::not_found("the document"), broken("b")]);
        assert_eq!(all.code(), Code::NotFound);
        assert_eq!(all.to_string(), "the document does not exist; a: is required; b: is required");
    }
}
