//! `node` and `nodes`: whatever has a global id is found by it, in the language in which it was handed out.
//!
//! What may not be seen is null, as what does not exist is. What is published comes out of memory; everything else asks the
//! database once for each type, and only for a caller who is signed in.

use std::collections::{BTreeSet, HashMap};

use async_graphql::{Context, ID, Interface, Object};
use entities::Rule;
use uuid::Uuid;

use crate::{
    access::{
        Editor,
        account::{self, graphql::Account},
        api_token::{self, graphql::ApiToken},
    },
    content::{page::graphql::Page, site::graphql::Site, staff::graphql::StaffMember},
    document::{
        self,
        graphql::{Document, Preview, Schedule, record_reading},
        preview, schedule,
    },
    error::{Error, Result},
    figures::{
        category::graphql::Category,
        country::graphql::Country,
        year_sheet::{self, graphql::YearSheet},
    },
    graphql::{ContextExt, GlobalId, parse_global_id},
};

/// The most ids of one `nodes`.
pub const MAX_NODES: usize = 100;

/// Whatever has a global id.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Its global id. `node` finds the object by it, in the language in which it was served."
))]
#[expect(clippy::large_enum_variant, reason = "made one at a time, and answered at once")]
pub enum Node {
    /// A page.
    Page(Page),
    /// A member of the staff.
    StaffMember(StaffMember),
    /// The site.
    Site(Site),
    /// A country or area.
    Country(Country),
    /// A category of visits.
    Category(Category),
    /// A document as editors see it.
    Document(Document),
    /// The figures of one category and year as editors see them.
    YearSheet(YearSheet),
    /// What is to be done to a document.
    Schedule(Schedule),
    /// A link to one revision of a document.
    Preview(Preview),
    /// An account.
    Account(Account),
    /// A token with which a program acts for an account.
    ApiToken(ApiToken),
}

/// Queries by global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this global id, in the language in which it was served; null when there is none, or none that you may
    /// see.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Option<Result<Node>> {
        find(ctx, &[id], "id").await.map(|nodes| nodes.into_iter().next().flatten()).transpose()
    }

    /// The objects with these global ids, at most 100, in their order; null for each that there is not, or that you may not
    /// see.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_NODES {
            return Err(Error::invalid(["ids"], Rule::TooMany { max: MAX_NODES }));
        }
        find(ctx, &ids, "ids").await
    }
}

async fn find(ctx: &Context<'_>, ids: &[ID], argument: &str) -> Result<Vec<Option<Node>>> {
    let wanted: Vec<Option<GlobalId>> = ids.iter().map(parse_global_id).collect();
    let mut nodes = Vec::with_capacity(wanted.len());
    for id in &wanted {
        nodes.push(match id {
            Some(id) => published(ctx, id, argument)?,
            None => None,
        });
    }
    let rest =
        |(id, node): &(&Option<GlobalId>, &Option<Node>)| node.is_none() && id.as_ref().is_some_and(is_for_editors);
    if ctx.caller().credential.is_some() && wanted.iter().zip(&nodes).any(|pair| rest(&pair)) {
        let found = Box::pin(for_editors(ctx, wanted.iter().flatten())).await?;
        for (node, id) in nodes.iter_mut().zip(&wanted) {
            if let Some(id) = id.as_ref().filter(|_| node.is_none()) {
                *node = found.get(id);
            }
        }
    }
    Ok(nodes)
}

/// An object that everybody may see.
fn published(ctx: &Context<'_>, id: &GlobalId, argument: &str) -> Result<Option<Node>> {
    let Some(variant) = id.variant.as_deref() else { return Ok(None) };
    let reading = &ctx.asking().reading;
    Ok(match id.type_name.as_str() {
        "Page" => Page::find(reading, id.id, variant).map(Node::Page),
        "StaffMember" => StaffMember::find(reading, id.id, variant).map(Node::StaffMember),
        "Site" => Site::find(reading, id.id, variant).map(Node::Site),
        "Country" | "Category" => {
            let Some((preference, moment)) = reading.site().locales.preference_of(variant) else { return Ok(None) };
            let mut figures = ctx.figures();
            if let Some(moment) = moment {
                // What will be public then is not known yet, and null would be remembered.
                if moment.get() > ctx.state().now() {
                    return Err(Error::invalid([argument], Rule::InTheFuture));
                }
                figures = reading.figures_as_of(moment.get());
            }
            match id.type_name.as_str() {
                "Country" => Country::find(&figures, id.id, &preference).map(Node::Country),
                _ => Category::find(&figures, id.id, &preference).map(Node::Category),
            }
        }
        _ => None,
    })
}

/// The types of what only editors see.
const FOR_EDITORS: [&str; 6] =
    ["Document", "YearSheet", schedule::TYPE_NAME, preview::TYPE_NAME, account::TYPE_NAME, api_token::TYPE_NAME];

fn is_for_editors(id: &GlobalId) -> bool {
    FOR_EDITORS.contains(&id.type_name.as_str())
}

/// What only editors see, as far as this one may.
#[derive(Default)]
struct Found {
    documents: HashMap<Uuid, document::Document>,
    sheets: HashMap<Uuid, year_sheet::Editable>,
    /// By category and year, those that do not exist yet.
    blank: HashMap<String, year_sheet::Editable>,
    schedules: HashMap<Uuid, Schedule>,
    previews: HashMap<Uuid, Preview>,
    accounts: HashMap<Uuid, entities::account::Model>,
    tokens: HashMap<Uuid, api_token::Owned>,
}

impl Found {
    fn get(&self, id: &GlobalId) -> Option<Node> {
        match (id.type_name.as_str(), id.variant.as_deref()) {
            ("YearSheet", Some(key)) if id.id.is_nil() => {
                self.blank.get(key).cloned().map(YearSheet::new).map(Node::YearSheet)
            }
            ("Document", None) => self.documents.get(&id.id).cloned().map(Document).map(Node::Document),
            ("YearSheet", None) => self.sheets.get(&id.id).cloned().map(YearSheet::new).map(Node::YearSheet),
            (schedule::TYPE_NAME, None) => self.schedules.get(&id.id).cloned().map(Node::Schedule),
            (preview::TYPE_NAME, None) => self.previews.get(&id.id).cloned().map(Node::Preview),
            (account::TYPE_NAME, None) => self.accounts.get(&id.id).cloned().map(Account::new).map(Node::Account),
            (api_token::TYPE_NAME, None) => self.tokens.get(&id.id).cloned().map(ApiToken::new).map(Node::ApiToken),
            _ => None,
        }
    }
}

/// What may not be seen is as if it were not there.
fn permitted<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(Error::Forbidden | Error::NotFound { .. }) => Ok(T::default()),
        found => found,
    }
}

/// The objects with these ids that this editor may see: a number of statements that does not depend on how many there are,
/// but for year sheets that do not exist yet. A permission is asked for before anything is looked up.
async fn for_editors(ctx: &Context<'_>, ids: impl Iterator<Item = &GlobalId> + Send) -> Result<Found> {
    let editor = ctx.editor().await?;
    let (state, reader) = (ctx.state(), ctx.state().database().reader());
    let mut by_type: HashMap<&str, BTreeSet<Uuid>> = HashMap::new();
    let mut blank: BTreeSet<&str> = BTreeSet::new();
    for id in ids {
        match id.variant.as_deref() {
            None => drop(by_type.entry(id.type_name.as_str()).or_default().insert(id.id)),
            Some(key) if id.type_name == "YearSheet" && id.id.is_nil() => drop(blank.insert(key)),
            Some(_) => {}
        }
    }
    let mut found = Found::default();
    if let Some(ids) = by_type.get("Document") {
        let documents = permitted(document::among(reader, &editor, ids).await)?;
        record_reading(ctx, &editor, documents.iter().map(|document| &document.row)).await?;
        found.documents = documents.into_iter().map(|document| (document.row.id, document)).collect();
    }
    if let Some(ids) = by_type.get("YearSheet") {
        let sheets = permitted(year_sheet::among(reader, &editor, ids).await)?;
        record_reading(ctx, &editor, sheets.values().filter_map(|sheet| sheet.document.as_ref())).await?;
        found.sheets = sheets;
    }
    for key in blank {
        if let Some(sheet) = Box::pin(blank_sheet(ctx, &editor, key)).await? {
            found.blank.insert(key.to_owned(), sheet);
        }
    }
    if let Some(ids) = by_type.get(schedule::TYPE_NAME) {
        let schedules = permitted(schedule::among(reader, &editor, ids).await)?;
        let emails = account::emails(reader, schedules.iter().map(|schedule| schedule.created_by).collect()).await?;
        let shown = schedules.iter().map(|schedule| {
            (schedule.id, Schedule::new(schedule, emails.get(&schedule.created_by).map(String::as_str)))
        });
        found.schedules = shown.collect();
    }
    if let Some(ids) = by_type.get(preview::TYPE_NAME) {
        let previews = permitted(preview::among(reader, &editor, state.now(), ids).await)?;
        let emails = account::emails(reader, previews.iter().map(|(row, _)| row.created_by).collect()).await?;
        let shown = previews.into_iter().map(|(row, kind)| {
            let maker = emails.get(&row.created_by).cloned();
            (row.id, Preview::new(row, kind, None, maker))
        });
        found.previews = shown.collect();
    }
    if let Ok(administrator) = editor.administrator() {
        if let Some(ids) = by_type.get(account::TYPE_NAME) {
            let accounts = account::among(reader, &administrator, ids).await?;
            found.accounts = accounts.into_iter().map(|account| (account.id, account)).collect();
        }
        if let Some(ids) = by_type.get(api_token::TYPE_NAME) {
            let tokens = api_token::among(state, &administrator, ids).await?;
            found.tokens = tokens.into_iter().map(|owned| (owned.token.id, owned)).collect();
        }
    }
    Ok(found)
}

/// The year sheet of this category and year, if it does not exist yet. One that exists by now has another id.
async fn blank_sheet(ctx: &Context<'_>, editor: &Editor, key: &str) -> Result<Option<year_sheet::Editable>> {
    let Some((Ok(category), Ok(year))) = key.split_once('/').map(|(code, year)| (code.parse(), year.parse())) else {
        return Ok(None);
    };
    if year_sheet::key(&category, year) != key {
        return Ok(None);
    }
    let found = year_sheet::find(ctx.state().database().reader(), editor, &category, year).await;
    Ok(permitted(found.map(Some))?.filter(|sheet| sheet.document.is_none()))
}
