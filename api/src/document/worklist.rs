//! The editors' work list: which documents there are, in which state, and what is missing.

use chrono::{DateTime, TimeZone, Utc};
use entities::{
    DocumentKind, DocumentState, Locale, Rule, ScheduleAction, ScheduleOutcome, Version, document, document_locale,
    revision, schedule,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, JoinType, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Alias, Expr, IntoCondition, Query},
};
use uuid::Uuid;

use crate::{
    access::{Editor, permission::Action},
    document::{Document, load},
    editorial::{self, revision::Revision},
    error::{Error, Result},
};

/// Which documents to list. Conditions are combined with "and".
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; everything but what is archived when left out.
    pub states: Option<Vec<DocumentState>>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<DocumentKind>>,
    /// With text in this locale.
    pub locale: Option<Locale>,
    /// Without text in this locale, although they could have one.
    pub missing_locale: Option<Locale>,
    /// Whose newest version was saved at this moment or later.
    pub changed_since: Option<DateTime<Utc>>,
    /// Whose newest version was saved by this account.
    pub editor: Option<Uuid>,
    /// With a schedule that could not be kept.
    pub failed_schedule: bool,
    /// The texts of this page or staff record.
    pub owner: Option<Uuid>,
}

/// A document's place in the list: when its newest version was saved (Unix milliseconds), and its id.
pub type Place = (i64, Uuid);

/// A part of the list, what was changed last first.
#[derive(Debug)]
pub struct Part {
    /// The documents with their places.
    pub documents: Vec<(Place, Document)>,
    /// Whether there are more after them.
    pub has_more: bool,
}

impl Filter {
    fn select(&self) -> Select<document::Entity> {
        let newest = document::Entity::belongs_to(revision::Entity)
            .from(document::Column::Id)
            .to(revision::Column::DocumentId)
            .on_condition(|documents, revisions| {
                Expr::col((documents, document::Column::Version))
                    .equals((revisions, revision::Column::Number))
                    .into_condition()
            })
            .into();
        let mut select = document::Entity::find().join(JoinType::InnerJoin, newest);
        select = match &self.states {
            Some(states) => select.filter(document::COLUMN.state.is_in(states.iter().copied())),
            None => select.filter(document::COLUMN.archived_at.is_null()),
        };
        if let Some(kinds) = &self.kinds {
            select = select.filter(document::COLUMN.kind.is_in(kinds.iter().copied()));
        }
        if let Some(locale) = &self.locale {
            select = select.filter(Expr::exists(with_locale(document::Column::Id, locale)));
        }
        if let Some(locale) = &self.missing_locale {
            select = select.filter(missing(locale));
        }
        if let Some(since) = self.changed_since {
            select = select.filter(revision::COLUMN.created_at.gte(since));
        }
        if let Some(editor) = self.editor {
            select = select.filter(revision::COLUMN.editor_id.eq(editor));
        }
        if let Some(owner) = self.owner {
            select = select.filter(document::COLUMN.owner_id.eq(owner));
        }
        if self.failed_schedule {
            select = select.filter(Expr::exists(failed()));
        }
        select
    }
}

/// A statement that finds the locale among those of the document in `column` of the outer query.
fn with_locale(column: document::Column, locale: &Locale) -> sea_orm::sea_query::SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(document_locale::Entity)
        .and_where(
            Expr::col((document_locale::Entity, document_locale::Column::DocumentId))
                .equals((document::Entity, column)),
        )
        .and_where(document_locale::COLUMN.locale.eq(locale.clone()))
        .to_owned()
}

/// A statement that finds a failed schedule of the document of the outer query about which nobody has done anything yet.
/// The same as `still_matters` in `document.rs`.
fn failed() -> sea_orm::sea_query::SelectStatement {
    let number = || Expr::col((document::Entity, document::Column::PublishedNumber));
    let version = Expr::col((document::Entity, document::Column::Version));
    let unpublished = Condition::any().add(number().is_null()).add(number().ne(version));
    let undone = Condition::any()
        .add(Condition::all().add(schedule::COLUMN.action.eq(ScheduleAction::Publish)).add(unpublished))
        .add(Condition::all().add(schedule::COLUMN.action.eq(ScheduleAction::Unpublish)).add(number().is_not_null()));
    let saved_since = Expr::col((revision::Entity, revision::Column::CreatedAt))
        .gt(Expr::col((schedule::Entity, schedule::Column::SettledAt)));
    Query::select()
        .expr(Expr::val(1))
        .from(schedule::Entity)
        .and_where(
            Expr::col((schedule::Entity, schedule::Column::DocumentId))
                .equals((document::Entity, document::Column::Id)),
        )
        .and_where(schedule::COLUMN.outcome.eq(ScheduleOutcome::Failed))
        .and_where(saved_since.not())
        .cond_where(undone)
        .to_owned()
}

/// Countries and categories hold their own names; pages and staff records have a text document for each locale.
fn missing(locale: &Locale) -> Condition {
    let text = Alias::new("text");
    let texts = Query::select()
        .expr(Expr::val(1))
        .from_as(document::Entity, text.clone())
        .inner_join(
            document_locale::Entity,
            Expr::col((document_locale::Entity, document_locale::Column::DocumentId))
                .equals((text.clone(), document::Column::Id)),
        )
        .and_where(
            Expr::col((text.clone(), document::Column::OwnerId)).equals((document::Entity, document::Column::Id)),
        )
        .and_where(Expr::col((text, document::Column::ArchivedAt)).is_null())
        .and_where(document_locale::COLUMN.locale.eq(locale.clone()))
        .to_owned();
    let named = [DocumentKind::Site, DocumentKind::Country, DocumentKind::Category];
    let described = [DocumentKind::Page, DocumentKind::StaffMember];
    Condition::any()
        .add(
            Condition::all()
                .add(document::COLUMN.kind.is_in(named))
                .add(Expr::exists(with_locale(document::Column::Id, locale)).not()),
        )
        .add(Condition::all().add(document::COLUMN.kind.is_in(described)).add(Expr::exists(texts).not()))
}

/// A part of the list, after a place in it.
///
/// # Errors
/// [`Error::Forbidden`]; or when the database cannot be read.
pub async fn list(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    filter: &Filter,
    first: u64,
    after: Option<Place>,
) -> Result<Part> {
    editor.permit(Action::Read, DocumentKind::Page, None)?;
    let mut select = filter.select();
    if let Some((millis, id)) = after {
        let at =
            Utc.timestamp_millis_opt(millis).single().ok_or_else(|| Error::invalid(["after"], Rule::ForeignCursor))?;
        let earlier = Condition::any()
            .add(revision::COLUMN.created_at.lt(at))
            .add(Condition::all().add(revision::COLUMN.created_at.eq(at)).add(revision::COLUMN.document_id.lt(id)));
        // The first condition is there for the index.
        select = select.filter(revision::COLUMN.created_at.lte(at)).filter(earlier);
    }
    // In the order of an index on revisions: however many documents there are, only those that are asked for are read.
    let mut rows = select
        .order_by(revision::Column::CreatedAt, Order::Desc)
        .order_by(revision::Column::DocumentId, Order::Desc)
        .limit(first + 1)
        .all(connection)
        .await?;
    let wanted = usize::try_from(first).unwrap_or(usize::MAX);
    let has_more = rows.len() > wanted;
    rows.truncate(wanted);
    let documents = load(connection, rows).await?;
    let place = |document: &Document| (document.newest.created_at.timestamp_millis(), document.row.id);
    Ok(Part { documents: documents.into_iter().map(|document| (place(&document), document)).collect(), has_more })
}

/// How many documents the filter finds.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(connection: &impl ConnectionTrait, filter: &Filter) -> Result<u64> {
    Ok(filter.select().count(connection).await?)
}

/// How many documents there are in each state, whatever states the filter asks for.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts(connection: &impl ConnectionTrait, filter: &Filter) -> Result<Vec<(DocumentState, u64)>> {
    let every = Filter { states: Some(DocumentState::ALL.to_vec()), ..filter.clone() };
    let rows: Vec<(DocumentState, i64)> = every
        .select()
        .select_only()
        .column(document::Column::State)
        .column_as(document::Column::Id.count(), "documents")
        .group_by(document::Column::State)
        .into_tuple()
        .all(connection)
        .await?;
    let count = |state| rows.iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| *count);
    Ok(DocumentState::ALL.into_iter().map(|state| (state, u64::try_from(count(state)).unwrap_or_default())).collect())
}

/// The revisions of a document, the newest first, from `before` downwards.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn history(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    document: &document::Model,
    first: u64,
    before: Option<Version>,
) -> Result<Vec<Revision>> {
    editor.permit(Action::Read, document.kind, None)?;
    let mut select = revision::Entity::find().filter(revision::COLUMN.document_id.eq(document.id));
    if let Some(before) = before {
        select = select.filter(revision::COLUMN.number.lt(before));
    }
    let rows = select.order_by_desc(revision::COLUMN.number).limit(first).all(connection).await?;
    editorial::revision::whole(connection, rows).await
}
