//! The site's settings: its name, its locales and their fallback chains.

pub mod graphql;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entities::{
    DisclosurePolicy, DocumentKind, Line, Locale, Localized, Position, Prose, Rule, TextDirection, Threshold,
    category_name, country_name, page_text, site, site_locale, staff_text, visit_count, yearly_total,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    change::tag,
    editorial::Kind,
    error::{Error, Fault, Result},
};

/// The content of the one document of kind `SITE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Served when no locale is asked for.
    pub default_locale: Locale,
    /// The site's name.
    pub name: Localized<Line>,
    /// The locales offered, in the order of the language menu.
    pub locales: Vec<OfferedLocale>,
    /// The locales in which a text must be public before it is in any other.
    #[serde(default)]
    pub required_locales: Vec<Locale>,
    /// What is done about counts so small that they could point to a person.
    #[serde(default)]
    pub disclosure: DisclosurePolicy,
}

/// A locale that the site offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedLocale {
    /// Its language tag.
    pub code: Locale,
    /// What it calls itself.
    pub name: Line,
    /// The direction of its script.
    pub direction: TextDirection,
    /// What to serve when a text is missing, first choice first.
    pub fallback: Vec<Locale>,
}

impl Kind for Site {
    const KIND: DocumentKind = DocumentKind::Site;
    const HANDLE: &'static str = "id";

    fn key(&self) -> String {
        "site".to_owned()
    }

    fn locales(&self) -> Vec<Locale> {
        self.name.keys().cloned().collect()
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        vec![tag::SITE.to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        let offered: BTreeSet<&Locale> = self.locales.iter().map(|locale| &locale.code).collect();
        if offered.len() < self.locales.len() {
            faults.push(Fault::new(["locales"], Rule::Duplicate));
        }
        if !offered.contains(&self.default_locale) {
            faults.push(Fault::new(["defaultLocale"], Rule::Unknown));
        }
        if !self.name.contains_key(&self.default_locale) {
            faults.push(Fault::new(["name", self.default_locale.as_str()], Rule::Required));
        }
        for locale in self.name.keys().filter(|locale| !offered.contains(locale)) {
            faults.push(Fault::new(["name", locale.as_str()], Rule::Unknown));
        }
        for locale in &self.locales {
            let path = ["locales", locale.code.as_str(), "fallback"];
            if locale.fallback.contains(&locale.code) {
                faults.push(Fault::new(path, Rule::FallbackLoop));
            }
            if locale.fallback.iter().collect::<BTreeSet<_>>().len() < locale.fallback.len() {
                faults.push(Fault::new(path, Rule::Duplicate));
            }
            if locale.fallback.iter().any(|code| !offered.contains(code)) {
                faults.push(Fault::new(path, Rule::Unknown));
            }
        }
        for (index, locale) in self.required_locales.iter().enumerate() {
            let path = ["requiredLocales", &index.to_string()];
            if self.required_locales[..index].contains(locale) {
                faults.push(Fault::new(path, Rule::Duplicate));
            } else if !offered.contains(locale) {
                faults.push(Fault::new(path, Rule::Unknown));
            }
        }
        let threshold = i64::from(self.disclosure.threshold);
        if self.disclosure.withholds() && threshold < Threshold::MIN_WITHHELD {
            let rule = Rule::OutOfRange { min: Threshold::MIN_WITHHELD, max: Threshold::MAX };
            faults.push(Fault::new(["disclosure", "threshold"], rule));
        }
        for locale in locales_in_use(transaction).await?.iter().filter(|locale| !offered.contains(locale)) {
            faults.push(Fault::new(["locales", locale.as_str()], Rule::InUse));
        }
        Ok(faults)
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
        for (index, locale) in self.locales.iter().enumerate() {
            let position = Position::try_from(i64::try_from(index).unwrap_or(i64::MAX))
                .map_err(|rule| Error::invalid(["locales"], rule))?;
            let row = site_locale::ActiveModel {
                locale: Set(locale.code.clone()),
                position: Set(position),
                name: Set(locale.name.clone()),
                direction: Set(locale.direction),
                fallback: Set(serde_json::to_value(&locale.fallback)?),
            };
            let replace = OnConflict::column(site_locale::Column::Locale)
                .update_columns([
                    site_locale::Column::Position,
                    site_locale::Column::Name,
                    site_locale::Column::Direction,
                    site_locale::Column::Fallback,
                ])
                .to_owned();
            site_locale::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        }
        let row = site::ActiveModel {
            document_id: Set(document),
            default_locale: Set(self.default_locale.clone()),
            name: Set(serde_json::to_value(&self.name)?),
            required_locales: Set(serde_json::to_value(&self.required_locales)?),
            disclosure_method: Set(self.disclosure.method),
            disclosure_threshold: Set(self.disclosure.threshold),
        };
        let replace = OnConflict::column(site::Column::DocumentId)
            .update_columns([
                site::Column::DefaultLocale,
                site::Column::Name,
                site::Column::RequiredLocales,
                site::Column::DisclosureMethod,
                site::Column::DisclosureThreshold,
            ])
            .to_owned();
        site::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        let offered = self.locales.iter().map(|locale| locale.code.clone());
        site_locale::Entity::delete_many()
            .filter(site_locale::COLUMN.locale.is_not_in(offered))
            .exec(transaction)
            .await?;
        Ok(())
    }

    async fn withdraw(&self, _: &DatabaseTransaction, _: Uuid) -> Result<()> {
        Err(Error::invalid(["id"], Rule::AlwaysPublished))
    }
}

/// The locales in which something is published, be it a note.
async fn locales_in_use(transaction: &DatabaseTransaction) -> Result<BTreeSet<Locale>> {
    macro_rules! of {
        ($table:ident) => {
            $table::Entity::find()
                .select_only()
                .column($table::Column::Locale)
                .distinct()
                .into_tuple::<Locale>()
                .all(transaction)
                .await?
        };
    }
    macro_rules! of_notes {
        ($table:ident) => {
            $table::Entity::find()
                .select_only()
                .column($table::Column::Note)
                .into_tuple::<serde_json::Value>()
                .all(transaction)
                .await?
        };
    }
    let mut locales: BTreeSet<Locale> =
        [of!(page_text), of!(staff_text), of!(country_name), of!(category_name)].into_iter().flatten().collect();
    for note in of_notes!(visit_count).into_iter().chain(of_notes!(yearly_total)) {
        locales.extend(serde_json::from_value::<Localized<Prose>>(note)?.into_keys());
    }
    Ok(locales)
}
