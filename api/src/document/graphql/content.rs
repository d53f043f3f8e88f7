//! What documents hold, as editors see it: one type a kind, every text in its own locale.

use async_graphql::{ID, SimpleObject, Union};
use entities::{CategoryCode, CountryCode, Email, Line, Locale, Prose, Slug};

use super::metadata::FactSheetMetadataContent;
use crate::{
    content::{
        markdown,
        page::{Page, PageText, graphql::RichText},
        site::{Site, graphql::TextDirection},
        staff::{StaffMember, StaffText},
    },
    document::Content,
    figures::{category::Category, country::Country, graphql::DisclosurePolicy, year_sheet::graphql::YearSheetContent},
    graphql::{LocalizedText, Scalar, global_id},
};

/// What a document holds. New types may come.
#[derive(Union)]
pub enum DocumentContent {
    /// The site's settings.
    Site(SiteContent),
    /// What all locales of a page share.
    Page(PageContent),
    /// A page in one locale.
    PageText(PageTextContent),
    /// What all locales of a staff record share.
    StaffMember(StaffMemberContent),
    /// A staff record in one locale.
    StaffText(StaffTextContent),
    /// A country.
    Country(CountryContent),
    /// A category of visits.
    Category(CategoryContent),
    /// The figures of a category and year.
    YearSheet(YearSheetContent),
    /// What is said of the figures as a whole.
    FactSheetMetadata(FactSheetMetadataContent),
}

impl From<Content> for DocumentContent {
    fn from(content: Content) -> Self {
        match content {
            Content::Site(site) => Self::Site(site.into()),
            Content::Page(page) => Self::Page(page.into()),
            Content::PageText(text) => Self::PageText(text.into()),
            Content::StaffMember(member) => Self::StaffMember(member.into()),
            Content::StaffText(text) => Self::StaffText(text.into()),
            Content::Country(country) => Self::Country(country.into()),
            Content::Category(category) => Self::Category(category.into()),
            Content::YearSheet(sheet) => Self::YearSheet(YearSheetContent::new(&sheet)),
            Content::FactSheetMetadata(metadata) => Self::FactSheetMetadata(metadata.into()),
        }
    }
}

/// The site's settings.
#[derive(SimpleObject)]
pub struct SiteContent {
    /// The site's name in each locale.
    name: Vec<LocalizedText>,
    /// The locale served when none is asked for.
    default_locale: Scalar<Locale>,
    /// The locales offered, in the order of the language menu.
    locales: Vec<SiteLocaleContent>,
    /// The locales in which a text must be public before it is in any other.
    required_locales: Vec<Scalar<Locale>>,
    /// What is done about counts so small that they could point to a person.
    disclosure: DisclosurePolicy,
}

/// A locale that the site offers.
#[derive(SimpleObject)]
pub struct SiteLocaleContent {
    /// Its language tag.
    code: Scalar<Locale>,
    /// What it calls itself.
    name: Scalar<Line>,
    /// The direction of its script.
    direction: TextDirection,
    /// What to serve when a text is missing, first choice first.
    fallback: Vec<Scalar<Locale>>,
}

impl From<Site> for SiteContent {
    fn from(site: Site) -> Self {
        let locale = |locale: crate::content::site::OfferedLocale| SiteLocaleContent {
            code: Scalar(locale.code),
            name: Scalar(locale.name),
            direction: locale.direction.into(),
            fallback: locale.fallback.into_iter().map(Scalar).collect(),
        };
        Self {
            name: LocalizedText::all(&site.name),
            default_locale: Scalar(site.default_locale),
            locales: site.locales.into_iter().map(locale).collect(),
            required_locales: site.required_locales.into_iter().map(Scalar).collect(),
            disclosure: site.disclosure.into(),
        }
    }
}

/// What all locales of a page share.
#[derive(SimpleObject)]
pub struct PageContent {
    /// Its name in addresses.
    slug: Scalar<Slug>,
    /// The document of the page above it; null at the top.
    parent_id: Option<ID>,
    /// Its place among its siblings, lowest first.
    position: i32,
    /// Whether a redirect from its slug to another page ends when it is published.
    replaces_redirect: bool,
}

impl From<Page> for PageContent {
    fn from(page: Page) -> Self {
        Self {
            slug: Scalar(page.slug),
            parent_id: page.parent.map(|id| global_id("Document", id)),
            position: page.position.get(),
            replaces_redirect: page.replaces_redirect,
        }
    }
}

/// A page in one locale.
#[derive(SimpleObject)]
pub struct PageTextContent {
    /// The document of the page.
    page_id: ID,
    /// The locale.
    locale: Scalar<Locale>,
    /// The heading.
    title: Scalar<Line>,
    /// What stands in lists.
    summary: Option<Scalar<Prose>>,
    /// What stands in search results.
    description: Option<Scalar<Line>>,
    /// Who signs, for a greeting.
    signature: Option<Scalar<Prose>>,
    /// The text, in three forms.
    body: RichText,
}

impl From<PageText> for PageTextContent {
    fn from(text: PageText) -> Self {
        Self {
            page_id: global_id("Document", text.page),
            locale: Scalar(text.locale),
            title: Scalar(text.title),
            summary: text.summary.map(Scalar),
            description: text.description.map(Scalar),
            signature: text.signature.map(Scalar),
            body: markdown::render(&text.body).into(),
        }
    }
}

/// What all locales of a staff record share.
#[derive(SimpleObject)]
pub struct StaffMemberContent {
    /// Its name in addresses.
    slug: Scalar<Slug>,
    /// Its place in the list, lowest first.
    position: i32,
    /// Where mail reaches the person.
    email: Option<Scalar<Email>>,
    /// Where a call reaches the person.
    telephone: Option<Scalar<Line>>,
}

impl From<StaffMember> for StaffMemberContent {
    fn from(member: StaffMember) -> Self {
        Self {
            slug: Scalar(member.slug),
            position: member.position.get(),
            email: member.email.map(Scalar),
            telephone: member.telephone.map(Scalar),
        }
    }
}

/// A staff record in one locale.
#[derive(SimpleObject)]
pub struct StaffTextContent {
    /// The document of the staff record.
    staff_id: ID,
    /// The locale.
    locale: Scalar<Locale>,
    /// The person's name.
    name: Scalar<Line>,
    /// What the person is in the section.
    role: Scalar<Line>,
    /// Academic degree.
    degree: Option<Scalar<Line>>,
    /// Field of work.
    field: Option<Scalar<Line>>,
}

impl From<StaffText> for StaffTextContent {
    fn from(text: StaffText) -> Self {
        Self {
            staff_id: global_id("Document", text.staff),
            locale: Scalar(text.locale),
            name: Scalar(text.name),
            role: Scalar(text.role),
            degree: text.degree.map(Scalar),
            field: text.field.map(Scalar),
        }
    }
}

/// A country with its names.
#[derive(SimpleObject)]
pub struct CountryContent {
    /// Its code.
    code: Scalar<CountryCode>,
    /// Its place in the tenant's order, lowest first.
    position: i32,
    /// Its name in each locale.
    names: Vec<LocalizedText>,
}

impl From<Country> for CountryContent {
    fn from(country: Country) -> Self {
        Self { names: LocalizedText::all(&country.names), position: country.position.get(), code: Scalar(country.code) }
    }
}

/// A category of visits with its names.
#[derive(SimpleObject)]
pub struct CategoryContent {
    /// Its code.
    code: Scalar<CategoryCode>,
    /// Its place in the tenant's order, lowest first.
    position: i32,
    /// Its name and what it covers in each locale.
    labels: Vec<CategoryLabelContent>,
}

/// What a category is called in one locale.
#[derive(SimpleObject)]
pub struct CategoryLabelContent {
    /// The locale.
    locale: Scalar<Locale>,
    /// The name.
    name: Scalar<Line>,
    /// What it covers.
    description: Option<Scalar<Prose>>,
}

impl From<Category> for CategoryContent {
    fn from(category: Category) -> Self {
        let label = |(locale, label): (Locale, crate::figures::category::Label)| CategoryLabelContent {
            locale: Scalar(locale),
            name: Scalar(label.name),
            description: label.description.map(Scalar),
        };
        Self {
            code: Scalar(category.code),
            position: category.position.get(),
            labels: category.labels.into_iter().map(label).collect(),
        }
    }
}
