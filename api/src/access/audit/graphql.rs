//! The audit log as those read it who may.

use async_graphql::{
    Context, Enum, ID, InputObject, Object, SimpleObject,
    connection::{Connection, Edge},
};
use entities::{Email, Line, Moment, Rule, Version, audit_entry};

use crate::{
    access::{
        account, api_token,
        audit::{self, Filter},
        graphql::ActorKind,
        permission,
    },
    delivery::cursor,
    error::Result,
    graphql::{At, ContextExt, Described, Faults, Input, Paging, Scalar, global_id},
};

/// How something ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::AuditOutcome")]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// Something that was done or refused.
#[derive(SimpleObject)]
pub struct AuditEntry {
    /// Its number: 1 for the first entry, then one more each time, without a gap.
    seq: i64,
    /// When.
    at: At,
    /// What kind of actor.
    actor_kind: ActorKind,
    /// The e-mail address of the account that did it, or that had set the schedule; null for everybody else.
    actor: Option<String>,
    /// The API token that was used; null when none was.
    api_token_id: Option<ID>,
    /// What was attempted: the name of the mutation or command.
    action: String,
    /// How it ended.
    outcome: AuditOutcome,
    /// The error code, when it was refused.
    code: Option<String>,
    /// The document that it was about, when it was about one.
    document_id: Option<ID>,
    /// The version that came of it, or that it was about.
    version: Option<Scalar<Version>>,
    /// What it was about beside a document, such as a preview.
    target_id: Option<ID>,
    /// The name of the request, as in the process's log and in the header `X-Request-Id`.
    request_id: Option<String>,
    /// The network that the request came from: an IPv4 /24 or an IPv6 /48.
    network: Option<String>,
    /// SHA-256 over the entry and the hash of the one before, in lower-case hexadecimal.
    hash: String,
}

/// Which entries to list. Conditions are combined with "and".
#[derive(InputObject, Default)]
pub struct AuditFilter {
    /// Of the account with this e-mail address, or of a schedule that it had set.
    actor: Option<Input<Email>>,
    /// Of this mutation or command, such as `signIn`.
    action: Option<Input<Line>>,
    /// That ended so.
    outcome: Option<AuditOutcome>,
    /// At this moment or later.
    since: Option<Input<Moment>>,
    /// Before this moment.
    until: Option<Input<Moment>>,
    /// About this document.
    document_id: Option<ID>,
}

/// Queries about the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What was done and what was refused, the newest first. For those who may read the audit log.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "Which entries; all when left out.")] filter: Option<AuditFilter>,
    ) -> Result<Described<Connection<String, AuditEntry>>> {
        let editor = ctx.editor().await?;
        // Before anything is said about addresses and cursors.
        editor.require(permission::Capability::ReadAudit)?;
        let (reader, keys, list) = (ctx.state().database().reader(), ctx.state().keys(), "auditLog");
        let mut faults = Faults::default();
        let (first, before) = Paging { first, after }.read::<i64>(&mut faults, &keys, list);
        let filter = parse_filter(ctx, &mut faults, filter.unwrap_or_default()).await?;
        faults.into_result()?;
        let (entries, has_more) = audit::list(reader, &editor, filter, first, before).await?;
        let actors = entries.iter().filter_map(|entry| entry.actor_id).collect();
        let emails = account::emails(reader, actors).await?;
        let node = |entry: audit_entry::Model| AuditEntry {
            seq: entry.seq,
            at: entry.at.into(),
            actor_kind: entry.actor_kind.into(),
            actor: entry.actor_id.and_then(|id| emails.get(&id).cloned()),
            api_token_id: entry.api_token_id.map(|id| global_id(api_token::TYPE_NAME, id)),
            action: entry.action,
            outcome: entry.outcome.into(),
            code: entry.code,
            document_id: entry.document_id.map(|id| global_id("Document", id)),
            version: entry.version.map(Scalar),
            target_id: entry.target_kind.zip(entry.target_id).map(|(kind, id)| global_id(&kind, id)),
            request_id: entry.request_id,
            network: entry.network,
            hash: entry.hash,
        };
        let mut connection = Connection::new(before.is_some(), has_more);
        let edge = |entry: audit_entry::Model| Edge::new(cursor::encode(&keys, list, &entry.seq), node(entry));
        connection.edges.extend(entries.into_iter().map(edge));
        Ok(Described(connection))
    }
}

async fn parse_filter(ctx: &Context<'_>, faults: &mut Faults, input: AuditFilter) -> Result<Filter> {
    let mut actor = None;
    if let Some(email) = input.actor.and_then(|email| faults.take(&["filter", "actor"], email)) {
        match account::find_by_email(ctx.state().database().reader(), &email).await? {
            Some(account) => actor = Some(account.id),
            None => faults.push(&["filter", "actor"], Rule::Unknown),
        }
    }
    let since = input.since.and_then(|at| faults.take(&["filter", "since"], at)).map(Moment::get);
    let until = input.until.and_then(|at| faults.take(&["filter", "until"], at)).map(Moment::get);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        faults.push(&["filter", "since"], Rule::EmptyRange);
    }
    Ok(Filter {
        actor,
        action: input.action.and_then(|action| faults.take(&["filter", "action"], action)),
        outcome: input.outcome.map(Into::into),
        since,
        until,
        document: input.document_id.and_then(|id| faults.take_id(&["filter", "documentId"], &id)),
    })
}
