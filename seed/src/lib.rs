//! Content as files. Export, import, backup and seed are this one format.
//!
//! A dataset is a folder of text files that people can read, compare and edit:
//!
//! | file | what it holds |
//! |---|---|
//! | `site.toml` | the site's name, its locales and which of them it requires, its policy on small counts ([`Site`]) |
//! | `pages.csv` | the tree of pages, with their former slugs ([`Page`]) |
//! | `pages/<slug>.<locale>.md` | the text of a page in one locale ([`PageText`]) |
//! | `staff.csv` | the members of staff ([`StaffMember`]) |
//! | `countries.csv` | the countries and areas that figures are recorded for ([`Country`]) |
//! | `categories.csv` | the categories of visits ([`Category`]) |
//! | `figures/visit_counts.csv` | visits by category, country and year ([`VisitCount`]) |
//! | `figures/yearly_totals.csv` | the totals as they were published ([`YearlyTotal`]) |
//! | `figures/fact-sheet.toml` | what is said of the figures as a whole ([`FactSheetMetadata`]) |
//!
//! Every file is UTF-8 without a byte order mark, at most [`Files::MAX_FILE_BYTES`] long, and ends every line with LF.
//! All but the page texts and `figures/fact-sheet.toml` must be there, if only with their header. Names that begin with a dot are left alone;
//! anything else that is not listed above is a fault.
//!
//! [`Dataset::parse`] is strict and patient: it reports every fault of every file at once, each with its place.
//! [`Dataset::render`] has one way to write a dataset, so that two exports differ only where their content does:
//! `parse(render(d))` is `d` in canonical order, and `render(parse(f))` is `f`, byte for byte, once `f` is canonical.

mod category;
mod country;
mod fact_sheet;
mod fault;
mod files;
mod front_matter;
mod key;
mod page;
mod record;
mod site;
mod staff;
mod table;
mod text;
mod toml_table;
mod visit_count;
mod withheld;
mod yearly_total;

use std::collections::BTreeMap;

pub use category::{Category, CategoryLabel};
pub use country::Country;
pub use fact_sheet::{Break, FactSheetMetadata, Footnote, FootnotePlace};
pub use fault::{Fault, Faults};
pub use files::Files;
pub use page::{Page, PageText};
pub use site::{Site, SiteLocale};
pub use staff::{StaffMember, StaffText};
pub use visit_count::VisitCount;
pub use withheld::Withheld;
pub use yearly_total::YearlyTotal;

use fault::Report;

/// The whole content of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The site's name and locales, and which of these are required.
    pub site: Site,
    /// The pages, ordered by position, then slug.
    pub pages: Vec<Page>,
    /// The members of staff, ordered by position, then slug.
    pub staff: Vec<StaffMember>,
    /// The countries, ordered by position, then code.
    pub countries: Vec<Country>,
    /// The categories of visits, ordered by position, then code.
    pub categories: Vec<Category>,
    /// The visits, ordered by category, country (both as they stand above) and year.
    pub visit_counts: Vec<VisitCount>,
    /// The published totals, ordered by category (as it stands above) and year.
    pub yearly_totals: Vec<YearlyTotal>,
    /// What of published figures stays withheld, ordered by category (as it stands above) and year; empty where the disclosure
    /// policy hides nothing.
    pub withheld: Vec<Withheld>,
    /// What is said of the figures as a whole, if anything; its lists are in the publisher's order.
    pub fact_sheet: Option<FactSheetMetadata>,
}

impl Dataset {
    /// Reads a dataset. Records may stand in any order; in the result they stand in the canonical one.
    ///
    /// # Errors
    /// Every fault of every file. Nothing is read of a dataset that has one.
    pub fn parse(files: &Files) -> Result<Self, Faults> {
        let mut report = Report::default();
        files.report_unknown(&mut report);
        let (site, locales) = site::read(files, &mut report);
        let locales = locales.as_deref();
        let pages = page::read(files, locales, &mut report);
        let staff = staff::read(files, locales, &mut report);
        let (countries, country_codes) = country::read(files, locales, &mut report);
        let (categories, category_codes) = category::read(files, locales, &mut report);
        let visit_counts = visit_count::read(files, locales, &category_codes, &country_codes, &mut report);
        let yearly_totals = yearly_total::read(files, locales, &category_codes, &mut report);
        let withheld = withheld::read(files, locales, &category_codes, &country_codes, &mut report);
        let fact_sheet = fact_sheet::read(files, locales, &category_codes, &country_codes, &mut report);
        let mut dataset = report.conclude(site.map(|site| Self {
            site,
            pages,
            staff,
            countries,
            categories,
            visit_counts,
            yearly_totals,
            withheld,
            fact_sheet,
        }))?;
        dataset.sort();
        Ok(dataset)
    }

    /// Writes the dataset in its canonical form, whatever the order of its records.
    ///
    /// Only texts in the site's locales have a place in the files. [`Dataset::parse`] accepts what is written exactly
    /// if the dataset keeps the rules that it checks: keys are unique, references exist, and so on.
    #[must_use]
    pub fn render(&self) -> Files {
        let mut dataset = self.clone();
        dataset.sort();
        let locales: Vec<_> = dataset.site.locales.iter().map(|locale| locale.code.clone()).collect();
        let mut files = Files::default();
        files.insert(files::SITE, site::render(&dataset.site));
        files.insert(files::PAGES, page::render(&dataset.pages));
        for page in &dataset.pages {
            for (locale, text) in page.texts.iter().filter(|(locale, _)| locales.contains(locale)) {
                files.insert(page::text_path(&page.slug, locale), front_matter::render(text));
            }
        }
        files.insert(files::STAFF, staff::render(&dataset.staff, &locales));
        files.insert(files::COUNTRIES, country::render(&dataset.countries, &locales));
        files.insert(files::CATEGORIES, category::render(&dataset.categories, &locales));
        files.insert(files::VISIT_COUNTS, visit_count::render(&dataset.visit_counts, &locales));
        files.insert(files::YEARLY_TOTALS, yearly_total::render(&dataset.yearly_totals, &locales));
        if !dataset.withheld.is_empty() {
            files.insert(files::WITHHELD, withheld::render(&dataset.withheld, &locales));
        }
        if let Some(metadata) = &dataset.fact_sheet {
            files.insert(files::FACT_SHEET, fact_sheet::render(metadata, &locales));
        }
        files
    }

    /// Puts every record in its canonical place.
    pub fn sort(&mut self) {
        self.pages.sort_by(|a, b| (a.position, &a.slug).cmp(&(b.position, &b.slug)));
        self.staff.sort_by(|a, b| (a.position, &a.slug).cmp(&(b.position, &b.slug)));
        self.countries.sort_by(|a, b| (a.position, &a.code).cmp(&(b.position, &b.code)));
        self.categories.sort_by(|a, b| (a.position, &a.code).cmp(&(b.position, &b.code)));
        let country: BTreeMap<_, _> = self.countries.iter().enumerate().map(|(place, c)| (&c.code, place)).collect();
        let category: BTreeMap<_, _> = self.categories.iter().enumerate().map(|(place, c)| (&c.code, place)).collect();
        let last = usize::MAX;
        self.visit_counts.sort_by_key(|figure| {
            let category_place = category.get(&figure.category).copied().unwrap_or(last);
            let country_place = country.get(&figure.country).copied().unwrap_or(last);
            (category_place, country_place, figure.year)
        });
        self.yearly_totals.sort_by_key(|total| (category.get(&total.category).copied().unwrap_or(last), total.year));
        self.withheld.sort_by_key(|sheet| (category.get(&sheet.category).copied().unwrap_or(last), sheet.year));
    }
}
