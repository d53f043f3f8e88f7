//! What editors ask about documents: one of them, the work list, history, differences, and what stands in the way of
//! publishing.

use async_graphql::{
    Context, Enum, ID, InputObject, Json, Object, SimpleObject,
    connection::{Connection, Edge},
};
use entities::{Email, Locale, Moment, Rule, Version, publication};
use sea_orm::{EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Document, DocumentKind, DocumentState, content::DocumentContent, input::DocumentSelector, record_reading,
    record_versions,
};
use crate::{
    access::{Editor, account, graphql::ActorKind, permission::Action},
    delivery::cursor,
    document::{
        self, Content, publish,
        worklist::{self, Filter, Place},
    },
    editorial::{
        Edit,
        diff::{self, WordChange},
        revision,
    },
    error::{Error, Result},
    figures::{graphql::ReleaseKind, year_sheet},
    graphql::{At, ContextExt, Described, Faults, Input, Paging, PublishBlocker, Scalar, page_size},
    transaction::Transaction,
};

/// The most documents of one `publishCheck`.
const MAX_CHECKED: usize = 200;

/// Which documents to list. Conditions are combined with "and".
#[derive(InputObject, Default)]
pub struct DocumentFilter {
    /// In one of these states; all but what is archived when left out.
    state: Option<Vec<DocumentState>>,
    /// Of one of these kinds.
    kind: Option<Vec<DocumentKind>>,
    /// With text in this locale.
    locale: Option<Input<Locale>>,
    /// Without text in this locale, although they could have one: pages, staff records, countries, categories, the site.
    missing_locale: Option<Input<Locale>>,
    /// Whose newest version was saved at this moment or later.
    changed_since: Option<Input<Moment>>,
    /// Whose newest version was saved by the account with this e-mail address.
    editor: Option<Input<Email>>,
    /// With a schedule that could not be kept.
    #[graphql(default)]
    failed_schedule: bool,
    /// The texts of this page or staff record.
    owner_id: Option<ID>,
}

/// How many documents are in a state.
#[derive(SimpleObject)]
pub struct StateCount {
    /// The state.
    state: DocumentState,
    /// How many.
    count: u64,
}

/// What the work list tells beside its documents.
pub struct Totals(Filter);

/// What the work list tells beside its documents.
#[Object]
impl Totals {
    /// How many documents the filter finds.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        worklist::count(ctx.state().database().reader(), &self.0).await
    }

    /// How many of them are in each state, whatever states the filter asks for.
    async fn counts(&self, ctx: &Context<'_>) -> Result<Vec<StateCount>> {
        let counts = worklist::counts(ctx.state().database().reader(), &self.0).await?;
        Ok(counts.into_iter().map(|(state, count)| StateCount { state: state.into(), count }).collect())
    }
}

/// How a revision came to be.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::RevisionAction")]
pub enum RevisionAction {
    /// An editor saved it.
    Save,
    /// A dataset brought it.
    Import,
    /// An older revision was brought back.
    Restore,
}

/// One saved state of a document.
#[derive(SimpleObject)]
pub struct Revision {
    /// The version that it is.
    version: Scalar<Version>,
    /// How it came to be.
    action: RevisionAction,
    /// Why, in the editor's words.
    reason: Option<String>,
    /// When it was saved.
    created_at: At,
    /// Who saved it.
    actor: ActorKind,
    /// The e-mail address of the account that saved it; null when it was saved at the command line.
    created_by: Option<String>,
    /// What it holds.
    content: DocumentContent,
}

/// One change of what the public sees of a document.
#[derive(SimpleObject)]
pub struct Publication {
    /// The version that became public; null when the document was withdrawn.
    version: Option<Scalar<Version>>,
    /// When.
    published_at: At,
    /// Who did it.
    actor: ActorKind,
    /// The e-mail address of the account that did it, or that had set the schedule.
    published_by: Option<String>,
    /// The kind of release, for figures.
    kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    reason: Option<String>,
}

/// What became of a document.
#[derive(SimpleObject)]
pub struct History {
    /// Its revisions, the newest first.
    revisions: Vec<Revision>,
    /// When which of them was public, the latest first.
    publications: Vec<Publication>,
}

/// What happened to a part of a text.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "diff::WordOperation")]
pub enum WordOperation {
    /// It stands in both.
    Equal,
    /// It stands in the first only.
    Delete,
    /// It stands in the second only.
    Insert,
}

/// A part of a text and what happened to it.
#[derive(SimpleObject)]
pub struct WordDifference {
    /// What happened to it.
    operation: WordOperation,
    /// The part: words, spaces, punctuation.
    text: String,
}

/// A field that differs between two revisions.
#[derive(SimpleObject)]
pub struct FieldDifference {
    /// The field, such as `body` or `counts.CN.value`.
    path: String,
    /// What it holds in the first; null for nothing.
    before: Option<Json<serde_json::Value>>,
    /// What it holds in the second; null for nothing.
    after: Option<Json<serde_json::Value>>,
    /// For texts: what changed, word by word, in order. Empty for everything else.
    words: Vec<WordDifference>,
}

impl From<diff::FieldChange> for FieldDifference {
    fn from(change: diff::FieldChange) -> Self {
        let word = |word: WordChange| WordDifference { operation: word.operation.into(), text: word.text };
        Self {
            path: change.path,
            before: change.before.map(Json),
            after: change.after.map(Json),
            words: change.words.into_iter().map(word).collect(),
        }
    }
}

/// Queries about documents.
#[derive(Default)]
pub struct DocumentQuery;

#[Object]
impl DocumentQuery {
    /// A document with its newest version; null when there is none. For those who may read drafts.
    async fn document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which document.")] by: DocumentSelector,
    ) -> Option<Result<Document>> {
        let found = async {
            let editor = ctx.editor().await?;
            let reader = ctx.state().database().reader();
            if let Some(kind) = by.kind() {
                editor.permit(Action::Read, kind, None)?;
            }
            editor.permit_any(Action::Read)?;
            let Some(id) = by.find(reader).await? else { return Ok(None) };
            match document::read(reader, &editor, id).await {
                Err(Error::NotFound { .. }) => Ok(None),
                Ok(document) => {
                    record_reading(ctx, &editor, [&document.row]).await?;
                    Ok(Some(Document(document)))
                }
                Err(error) => Err(error),
            }
        };
        found.await.transpose()
    }

    /// The documents there are, what was changed last first. For those who may read drafts.
    async fn documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which documents; all but what is archived when left out.")] filter: Option<DocumentFilter>,
        #[graphql(desc = "How many, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
    ) -> Result<Described<Connection<String, Document, Totals>>> {
        let editor = ctx.editor().await?;
        let mut faults = Faults::default();
        let (keys, list) = (ctx.state().keys(), "documents");
        let (first, after) = Paging { first, after }.read::<Place>(&mut faults, &keys, list);
        let filter = parse_filter(ctx, &editor, &mut faults, filter.unwrap_or_default()).await?;
        faults.into_result()?;
        let first = u64::try_from(first).unwrap_or_default();
        let part = worklist::list(ctx.state().database().reader(), &editor, &filter, first, after).await?;
        record_reading(ctx, &editor, part.documents.iter().map(|(_, document)| &document.row)).await?;
        let mut connection = Connection::with_additional_fields(after.is_some(), part.has_more, Totals(filter));
        connection.edges.extend(
            part.documents
                .into_iter()
                .map(|(place, document)| Edge::new(cursor::encode(&keys, list, &place), Document(document))),
        );
        Ok(Described(connection))
    }

    /// What became of a document: its revisions and its publications. For those who may read drafts.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document.")] id: ID,
        #[graphql(desc = "How many of each, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "Only revisions older than this version.")] before: Option<Input<Version>>,
    ) -> Option<Result<History>> {
        let found = async {
            let editor = ctx.editor().await?;
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &id);
            let before = before.and_then(|before| faults.take(&["before"], before));
            let first = page_size(first, &mut faults);
            faults.into_result()?;
            let Some(id) = id else { return Ok(None) };
            let reader = ctx.state().database().reader();
            let first = u64::try_from(first).unwrap_or_default();
            editor.permit_any(Action::Read)?;
            let Some(row) = entities::document::Entity::find_by_id(id).one(reader).await? else { return Ok(None) };
            if !editor.grants().allow(Action::Read, row.kind, None) {
                return Ok(None);
            }
            let saved = worklist::history(reader, &editor, &row, first, before).await?;
            let shown = saved.iter().map(|revision| revision.number);
            record_versions(ctx, &editor, year_sheet::figures_of(&row, shown).collect()).await?;
            let published = publication::Entity::find()
                .filter(publication::COLUMN.document_id.eq(id))
                .order_by_desc(publication::COLUMN.change_seq)
                .limit(first)
                .all(reader)
                .await?;
            let editors = saved.iter().filter_map(|revision| revision.editor_id);
            let editors = editors.chain(published.iter().filter_map(|publication| publication.editor_id)).collect();
            let emails = account::emails(reader, editors).await?;
            let email = |id: Option<uuid::Uuid>| id.and_then(|id| emails.get(&id).cloned());
            let revision = |revision: revision::Revision| -> Result<Revision> {
                Ok(Revision {
                    version: Scalar(revision.number),
                    action: revision.action.into(),
                    reason: revision.reason,
                    created_at: revision.created_at.into(),
                    actor: revision.actor_kind.into(),
                    created_by: email(revision.editor_id),
                    content: Content::read(row.kind, revision.content)?.into(),
                })
            };
            let publication = |publication: publication::Model| Publication {
                version: publication.number.map(Scalar),
                published_at: publication.published_at.into(),
                actor: publication.actor_kind.into(),
                published_by: email(publication.editor_id),
                kind: publication.release_kind.map(Into::into),
                reason: publication.reason,
            };
            Ok(Some(History {
                revisions: saved.into_iter().map(revision).collect::<Result<_>>()?,
                publications: published.into_iter().map(publication).collect(),
            }))
        };
        found.await.transpose()
    }

    /// What differs between two versions of a document, field by field, and inside texts word by word. For those who may
    /// read drafts.
    async fn diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document.")] id: ID,
        #[graphql(desc = "The first version.")] a: Input<Version>,
        #[graphql(desc = "The second version.")] b: Input<Version>,
    ) -> Option<Result<Vec<FieldDifference>>> {
        let found = async {
            let editor = ctx.editor().await?;
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &id);
            let versions = [("a", a), ("b", b)].map(|(name, version)| (name, faults.take(&[name], version)));
            let reader = ctx.state().database().reader();
            let Some(id) = id else { return Err(faults.into_result().err().unwrap_or(Error::Forbidden)) };
            let document = document::read(reader, &editor, id).await?;
            let mut contents = Vec::with_capacity(2);
            for (name, version) in versions {
                let Some(version) = version else { continue };
                match revision::at(reader, document.row.id, version).await? {
                    Some(revision) => contents.push(revision.content),
                    None => faults.push(&[name], Rule::Unknown),
                }
            }
            faults.into_result()?;
            let shown = versions.iter().filter_map(|(_, version)| *version);
            record_versions(ctx, &editor, year_sheet::figures_of(&document.row, shown).collect()).await?;
            let [a, b] = contents.as_slice() else { return Ok(Vec::new()) };
            Ok(diff::diff(a, b).into_iter().map(Into::into).collect())
        };
        match found.await {
            Err(Error::NotFound { .. }) => None,
            found => Some(found),
        }
    }

    /// Everything that stands in the way of publishing these documents together, in their newest versions. Empty when
    /// nothing does. For those who may read drafts.
    async fn publish_check(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The documents, at most 200.")] ids: Vec<ID>,
    ) -> Result<Vec<PublishBlocker>> {
        let editor = ctx.editor().await?;
        let mut faults = Faults::default();
        if ids.len() > MAX_CHECKED {
            faults.push(&["ids"], Rule::TooMany { max: MAX_CHECKED });
        }
        let mut documents = Vec::new();
        for (index, id) in ids.iter().take(MAX_CHECKED).enumerate() {
            documents.extend(faults.take_id(&["ids", &index.to_string()], id));
        }
        faults.into_result()?;
        let found = entities::document::Entity::find().filter(entities::document::COLUMN.id.is_in(documents.clone()));
        let found = found.all(ctx.state().database().reader()).await?;
        let readable = found.iter().filter(|document| editor.grants().allow(Action::Read, document.kind, None));
        record_reading(ctx, &editor, readable).await?;
        // Published for the look of it, and taken back.
        let origin = ctx.caller().origin.clone();
        let mut transaction = Transaction::begin(ctx.state(), editor.actor(), origin).await?;
        let blockers = publish::check(&mut Edit::new(&mut transaction, &editor), &documents).await?;
        Ok(blockers.into_iter().map(PublishBlocker).collect())
    }
}

async fn parse_filter(
    ctx: &Context<'_>,
    caller: &Editor,
    faults: &mut Faults,
    input: DocumentFilter,
) -> Result<Filter> {
    // What somebody may not read is not there for them, nor counted.
    let wanted: Option<Vec<entities::DocumentKind>> =
        input.kind.map(|kinds| kinds.into_iter().map(Into::into).collect());
    let may_read = |kind: &entities::DocumentKind| {
        wanted.as_ref().is_none_or(|kinds| kinds.contains(kind)) && caller.grants().allow(Action::Read, *kind, None)
    };
    let kinds = Some(entities::DocumentKind::iter().filter(may_read).collect());
    let editor = input.editor.and_then(|email| faults.take(&["filter", "editor"], email));
    let editor = match editor {
        Some(email) => match account::find_by_email(ctx.state().database().reader(), &email).await? {
            Some(account) => Some(account.id),
            // Nothing was saved by an account that does not exist. A fault would tell who has one.
            None => Some(uuid::Uuid::nil()),
        },
        None => None,
    };
    Ok(Filter {
        states: input.state.map(|states| states.into_iter().map(Into::into).collect()),
        kinds,
        locale: input.locale.and_then(|locale| faults.take(&["filter", "locale"], locale)),
        missing_locale: input.missing_locale.and_then(|locale| faults.take(&["filter", "missingLocale"], locale)),
        changed_since: input.changed_since.and_then(|at| faults.take(&["filter", "changedSince"], at)).map(Moment::get),
        editor,
        failed_schedule: input.failed_schedule,
        owner: input.owner_id.and_then(|id| faults.take_id(&["filter", "ownerId"], &id)),
    })
}
