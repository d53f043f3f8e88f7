//! What the mutations of documents have in common: who is meant, since when, and how a save ends.

use async_graphql::{Context, ID, InputObject, OneofObject};
use entities::{CategoryCode, CountryCode, Line, Locale, RevisionAction, Slug, Version, Year};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{
    access::permission::Action,
    content::{page, staff},
    document::{self, Seen, Written},
    editorial::{Base, Edit, Kind, revision},
    error::{Error, Result},
    figures::{metadata, year_sheet},
    graphql::{Faults, Input, Mutated, mutate},
};

use super::DocumentPayload;

/// A document and the version of it that you have seen.
#[derive(InputObject)]
pub struct SeenInput {
    /// The document.
    pub id: ID,
    /// Its version as you have seen it.
    pub expected_version: Input<Version>,
}

impl SeenInput {
    /// The document, if it can be named.
    pub fn parse(self, faults: &mut Faults, path: &[&str]) -> Option<Seen> {
        let id = faults.take_id(&[path, &["id"]].concat(), &self.id);
        let version = faults.take(&[path, &["expectedVersion"]].concat(), self.expected_version);
        Some(Seen { id: id?, version: version? })
    }
}

/// Which document.
#[derive(OneofObject)]
pub enum DocumentSelector {
    /// By its global id.
    Id(ID),
    /// The part of a page that all locales share, by its slug.
    Page(Input<Slug>),
    /// A page in one locale.
    PageText(TextSelector),
    /// The part of a staff record that all locales share, by its slug.
    StaffMember(Input<Slug>),
    /// A staff record in one locale.
    StaffText(TextSelector),
    /// A country, by its code.
    Country(Input<CountryCode>),
    /// A category, by its code.
    Category(Input<CategoryCode>),
    /// The figures of a category and year.
    YearSheet(YearSheetSelector),
    /// The site's settings: true.
    Site(bool),
    /// What is said of the figures as a whole: true.
    FactSheetMetadata(bool),
}

/// The text of a page or staff record in one locale.
#[derive(InputObject)]
pub struct TextSelector {
    /// The slug of the page or staff record.
    slug: Input<Slug>,
    /// The locale.
    locale: Input<Locale>,
}

/// The figures of one category and year.
#[derive(InputObject)]
pub struct YearSheetSelector {
    /// The category's code.
    category: Input<CategoryCode>,
    /// The year.
    year: Input<Year>,
}

impl DocumentSelector {
    /// The kind that is asked for; nothing when a document is named by its id.
    pub const fn kind(&self) -> Option<entities::DocumentKind> {
        use entities::DocumentKind as Kind;
        Some(match self {
            Self::Id(_) => return None,
            Self::Page(_) => Kind::Page,
            Self::PageText(_) => Kind::PageText,
            Self::StaffMember(_) => Kind::StaffMember,
            Self::StaffText(_) => Kind::StaffText,
            Self::Country(_) => Kind::Country,
            Self::Category(_) => Kind::Category,
            Self::YearSheet(_) => Kind::YearSheet,
            Self::Site(_) => Kind::Site,
            Self::FactSheetMetadata(_) => Kind::FactSheetMetadata,
        })
    }

    /// The document that is meant, if it exists.
    pub async fn find(self, connection: &impl ConnectionTrait) -> Result<Option<Uuid>> {
        use entities::DocumentKind as Kind;
        let mut faults = Faults::default();
        let (kind, key) = match self {
            Self::Id(id) => {
                let id = faults.take_id(&["by", "id"], &id);
                faults.into_result()?;
                return Ok(id);
            }
            Self::Site(_) => (Kind::Site, Some("site".to_owned())),
            Self::FactSheetMetadata(_) => (Kind::FactSheetMetadata, Some(metadata::KEY.to_owned())),
            Self::Page(slug) => (Kind::Page, faults.take(&["by", "page"], slug).map(String::from)),
            Self::StaffMember(slug) => (Kind::StaffMember, faults.take(&["by", "staffMember"], slug).map(String::from)),
            Self::Country(code) => (Kind::Country, faults.take(&["by", "country"], code).map(String::from)),
            Self::Category(code) => (Kind::Category, faults.take(&["by", "category"], code).map(String::from)),
            Self::YearSheet(sheet) => {
                let category = faults.take(&["by", "yearSheet", "category"], sheet.category);
                let year = faults.take(&["by", "yearSheet", "year"], sheet.year);
                (Kind::YearSheet, category.zip(year).map(|(category, year)| year_sheet::key(&category, year)))
            }
            Self::PageText(text) => {
                (Kind::PageText, text.key(connection, &mut faults, "pageText", Kind::Page, page::key).await?)
            }
            Self::StaffText(text) => {
                (Kind::StaffText, text.key(connection, &mut faults, "staffText", Kind::StaffMember, staff::key).await?)
            }
        };
        faults.into_result()?;
        let Some(key) = key else { return Ok(None) };
        Ok(revision::find(connection, kind, &key).await?.map(|document| document.id))
    }
}

impl TextSelector {
    async fn key(
        self,
        connection: &impl ConnectionTrait,
        faults: &mut Faults,
        name: &str,
        owner: entities::DocumentKind,
        key: impl Fn(Uuid, &Locale) -> String,
    ) -> Result<Option<String>> {
        let slug = faults.take(&["by", name, "slug"], self.slug);
        let locale = faults.take(&["by", name, "locale"], self.locale);
        let (Some(slug), Some(locale)) = (slug, locale) else { return Ok(None) };
        let owner = revision::find(connection, owner, slug.as_str()).await?;
        Ok(owner.map(|owner| key(owner.id, &locale)))
    }
}

/// What every save needs.
pub struct Save {
    pub expected: Input<Version>,
    pub reason: Option<Input<Line>>,
}

/// Which document a save is about, and whether it may be new.
pub enum Target {
    /// The one with this id.
    Id(Option<Uuid>),
    /// The one with this natural key, if its parts could be read.
    Key(Option<String>),
}

/// Runs a mutation that saves a document: `target` reads which one, `change` makes the new content out of the one that
/// the editor had seen, if there is one. Every fault of the input is reported at once.
pub async fn save<K: Kind>(
    ctx: &Context<'_>,
    action: &'static str,
    save: Save,
    target: impl FnOnce(&mut Faults) -> Target + Send,
    change: impl FnOnce(Option<K>, &mut Faults) -> Option<K> + Clone + Send,
) -> Result<Mutated<DocumentPayload>> {
    mutate(ctx, action, async move |transaction, editor| {
        let mut faults = Faults::default();
        let target = target(&mut faults);
        let expected = faults.take(&["expectedVersion"], save.expected);
        let reason = save.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
        let mut edit = Edit::new(transaction, editor);
        let mut base: Base<K> = match (target, expected) {
            (Target::Id(Some(id)), Some(expected)) => edit.base_by_id(id, expected).await?,
            (Target::Key(Some(key)), Some(expected)) => edit.base(&key, expected).await?,
            _ => return Err(faults.into_result().err().unwrap_or(Error::not_found("the document"))),
        };
        let again = |current| change.clone()(Some(current), &mut Faults::default());
        edit.note_overwritten(&mut base, again).await?;
        let content = change(base.content().cloned(), &mut faults);
        if let (false, Some(content)) = (faults.is_empty(), &content) {
            // What the saving would find, too.
            let document = base.document().map(|document| document.id);
            let found = content.check(edit.connection(), document).await?;
            for fault in found {
                faults.add_beside(fault);
            }
        }
        faults.into_result()?;
        let content = content.ok_or(Error::not_found("the document"))?;
        let document = edit.save(base, &content, RevisionAction::Save, reason).await?;
        document::written_one(&mut edit, document.id).await
    })
    .await
}

/// Saves a new document under a key that must be free; `field` is the one that the key is made of.
pub async fn create<K: Kind>(edit: &mut Edit<'_>, content: &K, field: &str, reason: Option<String>) -> Result<Written> {
    edit.editor().permit(Action::Save, K::KIND, content.locale())?;
    if revision::find(edit.connection(), K::KIND, &content.key()).await?.is_some() {
        return Err(Error::invalid([field], entities::Rule::Taken));
    }
    let base = edit.base(&content.key(), Version::NONE).await?;
    let document = edit.save(base, content, RevisionAction::Save, reason).await?;
    document::written_one(edit, document.id).await
}
