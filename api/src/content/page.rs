//! Pages: a part that all locales share, and a text per locale. Two documents, so that saving one locale touches
//! neither another nor what they share.

pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Line, Locale, Markdown, Position, Prose, Rule, Slug, page, page_text};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    editorial::Kind,
    error::{Fault, Result},
    locale,
};

/// The content of a document of kind `PAGE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its name in addresses.
    pub slug: Slug,
    /// The document of the page above it.
    pub parent: Option<Uuid>,
    /// Its place among its siblings.
    pub position: Position,
}

/// The content of a document of kind `PAGE_TEXT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    /// The document of the page.
    pub page: Uuid,
    /// The locale.
    pub locale: Locale,
    /// The heading.
    pub title: Line,
    /// What stands in lists.
    pub summary: Option<Prose>,
    /// What stands in search results.
    pub description: Option<Line>,
    /// Who signs, for a greeting.
    pub signature: Option<Prose>,
    /// The text.
    pub body: Markdown,
}

impl Kind for Page {
    const KIND: DocumentKind = DocumentKind::Page;

    fn key(&self) -> String {
        self.slug.to_string()
    }

    fn tags(&self) -> Vec<String> {
        vec![format!("page:{}", self.slug)]
    }

    async fn check(&self, transaction: &DatabaseTransaction) -> Result<Vec<Fault>> {
        let mut above = self.parent;
        while let Some(id) = above {
            let Some(parent) = page::Entity::find_by_id(id).one(transaction).await? else {
                return Ok(vec![Fault::new(["parent"], Rule::Unknown)]);
            };
            if parent.slug == self.slug {
                return Ok(vec![Fault::new(["parent"], Rule::ParentLoop)]);
            }
            above = parent.parent_id;
        }
        Ok(Vec::new())
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, _: DateTime<Utc>) -> Result<()> {
        let row = page::ActiveModel {
            document_id: Set(document),
            slug: Set(self.slug.clone()),
            parent_id: Set(self.parent),
            position: Set(self.position),
        };
        let replace = OnConflict::column(page::Column::DocumentId)
            .update_columns([page::Column::Slug, page::Column::ParentId, page::Column::Position])
            .to_owned();
        page::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }
}

impl Kind for PageText {
    const KIND: DocumentKind = DocumentKind::PageText;

    fn key(&self) -> String {
        format!("{}/{}", self.page, self.locale)
    }

    fn tags(&self) -> Vec<String> {
        vec![format!("page:{}:{}", self.page, self.locale)]
    }

    async fn check(&self, transaction: &DatabaseTransaction) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults: Vec<Fault> = locale::unknown(&offered, &[], [&self.locale]).collect();
        if page::Entity::find_by_id(self.page).one(transaction).await?.is_none() {
            faults.push(Fault::new(["page"], Rule::Unknown));
        }
        Ok(faults)
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, now: DateTime<Utc>) -> Result<()> {
        let row = page_text::ActiveModel {
            document_id: Set(document),
            page_id: Set(self.page),
            locale: Set(self.locale.clone()),
            title: Set(self.title.clone()),
            summary: Set(self.summary.clone()),
            description: Set(self.description.clone()),
            signature: Set(self.signature.clone()),
            body: Set(self.body.clone()),
            published_at: Set(now),
        };
        let replace = OnConflict::column(page_text::Column::DocumentId)
            .update_columns([
                page_text::Column::Title,
                page_text::Column::Summary,
                page_text::Column::Description,
                page_text::Column::Signature,
                page_text::Column::Body,
                page_text::Column::PublishedAt,
            ])
            .to_owned();
        page_text::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }
}
