//! `pages.csv` and `pages/<slug>.<locale>.md`: the tree of pages, and their texts.

use std::collections::{BTreeMap, BTreeSet};

use entities::{Form, Line, Locale, Localized, Markdown, Position, Prose, Rule, Slug};

use crate::{
    Files,
    fault::{Report, Spot},
    files::{PAGE_TEXTS, PAGES},
    front_matter,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout = Layout { path: PAGES, fixed: &["slug", "parent", "position", "former_slugs"], localized: &[] };
const SLUG: usize = 0;
const PARENT: usize = 1;
const POSITION: usize = 2;
const FORMER_SLUGS: usize = 3;

/// What stands between two former slugs; no slug holds it.
const BETWEEN_SLUGS: char = ' ';

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The page's name; no other page has it.
    pub slug: Slug,
    /// The page it stands below; no page stands below itself.
    pub parent: Option<Slug>,
    /// Its place among the pages with the same parent.
    pub position: Position,
    /// The names that it had before, which still lead to it. No page, itself included, has one of them now, and no other
    /// had it before.
    pub former_slugs: BTreeSet<Slug>,
    /// What it says; possibly nothing yet.
    pub texts: Localized<PageText>,
}

/// What a page says in one locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageText {
    /// The title.
    pub title: Line,
    /// What the page is about, for readers.
    pub summary: Option<Prose>,
    /// What the page is about, for search engines.
    pub description: Option<Line>,
    /// Who signs it, if it is a greeting.
    pub signature: Option<Prose>,
    /// The text itself.
    pub body: Markdown,
}

/// The path of a page text.
pub(crate) fn text_path(slug: &Slug, locale: &Locale) -> String {
    format!("{PAGE_TEXTS}{slug}.{locale}.md")
}

/// Which page and locale the text at a path belongs to; nothing if no text is stored at such a path.
pub(crate) fn text_key(path: &str) -> Option<(Slug, Locale)> {
    let (slug, locale) = path.strip_prefix(PAGE_TEXTS)?.strip_suffix(".md")?.split_once('.')?;
    let (slug, locale) = (slug.parse().ok()?, locale.parse().ok()?);
    // Only the canonical case, or two files could hold the same text.
    (text_path(&slug, &locale) == path).then_some((slug, locale))
}

pub(crate) fn read(files: &Files, locales: Option<&[Locale]>, report: &mut Report) -> Vec<Page> {
    let (mut pages, slugs) = read_tree(files, report);
    let mut texts = read_texts(files, locales, &slugs, report);
    for page in &mut pages {
        page.texts = texts.remove(&page.slug).unwrap_or_default();
    }
    pages
}

fn read_tree(files: &Files, report: &mut Report) -> (Vec<Page>, Keys<Slug>) {
    let mut pages = Vec::new();
    let Some(text) = text::required(files, PAGES, report) else { return (pages, Keys::new(false)) };
    let Some((heading, mut records)) = LAYOUT.open(&text, Some(&[]), report) else { return (pages, Keys::new(false)) };
    let mut slugs = Keys::new(heading.has(SLUG));
    // Every address leads to one page, so that a name stands once, be it the present or a former one.
    let mut names = Keys::new(true);
    let mut parents = Vec::new();
    while let Some(row) = heading.next(&mut records, report) {
        if !row.is_sound(SLUG) {
            slugs.doubt();
        }
        let slug = row.required::<Slug>(SLUG, report);
        let parent = row.optional::<Slug>(PARENT, report);
        let position = row.required(POSITION, report);
        if let Some(slug) = &slug
            && let Err(rule) = slugs.add(slug.clone()).and(names.add(slug.clone()))
        {
            row.fault(SLUG, rule, report);
        }
        let former_slugs = read_former_slugs(&row, &mut names, report);
        if let Some((slug, position)) = slug.clone().zip(position) {
            pages.push(Page { slug, parent: parent.clone(), position, former_slugs, texts: Localized::new() });
        }
        if let Some(parent) = parent {
            parents.push(Branch { slug, parent, row });
        }
    }
    for branch in &parents {
        if let Err(rule) = slugs.check(&branch.parent) {
            branch.row.fault(PARENT, rule, report);
        }
    }
    report_loops(&parents, report);
    (pages, slugs)
}

fn read_former_slugs(row: &Row<'_, '_>, names: &mut Keys<Slug>, report: &mut Report) -> BTreeSet<Slug> {
    let mut former_slugs = BTreeSet::new();
    let listed = row.text(FORMER_SLUGS).filter(|listed| !listed.is_empty());
    let is_blank = |text: &str| text.trim().is_empty();
    if listed.is_some_and(|listed| listed.split(BETWEEN_SLUGS).any(is_blank)) {
        row.fault(FORMER_SLUGS, Rule::Format { expected: Form::Slugs }, report);
    }
    let texts = listed.into_iter().flat_map(|listed| listed.split(BETWEEN_SLUGS));
    for text in texts.filter(|text| !is_blank(text)) {
        match text.parse::<Slug>().and_then(|slug| names.add(slug.clone()).map(|()| slug)) {
            Ok(slug) => _ = former_slugs.insert(slug),
            Err(rule) => row.fault_of(FORMER_SLUGS, rule, text, report),
        }
    }
    former_slugs
}

/// A page below another, with the row that says so.
struct Branch<'h, 'a> {
    slug: Option<Slug>,
    parent: Slug,
    row: Row<'h, 'a>,
}

/// Reports every page that is its own ancestor. Each page is walked over once, however deep the tree.
fn report_loops(branches: &[Branch<'_, '_>], report: &mut Report) {
    let mut above: BTreeMap<&Slug, &Branch<'_, '_>> = BTreeMap::new();
    for branch in branches {
        if let Some(slug) = &branch.slug {
            above.entry(slug).or_insert(branch);
        }
    }
    let mut walked: BTreeMap<&Slug, usize> = BTreeMap::new();
    for (walk, start) in above.keys().enumerate() {
        let mut here: &Slug = start;
        while let Some(branch) = above.get(here) {
            match walked.insert(here, walk) {
                None => here = &branch.parent,
                Some(earlier) if earlier == walk => {
                    report_loop(&above, here, report);
                    break;
                }
                Some(_) => break,
            }
        }
    }
}

fn report_loop(above: &BTreeMap<&Slug, &Branch<'_, '_>>, start: &Slug, report: &mut Report) {
    let mut here = start;
    while let Some(branch) = above.get(here) {
        branch.row.fault(PARENT, Rule::ParentLoop, report);
        here = &branch.parent;
        if here == start {
            break;
        }
    }
}

fn read_texts(
    files: &Files,
    locales: Option<&[Locale]>,
    slugs: &Keys<Slug>,
    report: &mut Report,
) -> BTreeMap<Slug, Localized<PageText>> {
    let mut texts: BTreeMap<Slug, Localized<PageText>> = BTreeMap::new();
    for (path, bytes) in files.iter() {
        let Some((slug, locale)) = text_key(path) else { continue };
        if let Err(rule) = slugs.check(&slug) {
            report.add_field(Spot::start(path), "slug", rule, slug.as_str());
        }
        if locales.is_some_and(|locales| !locales.contains(&locale)) {
            report.add_field(Spot::start(path), "locale", Rule::Unknown, locale.as_str());
        }
        let text = text::decode(path, bytes, report).and_then(|text| front_matter::read(path, &text, report));
        if let Some(text) = text {
            texts.entry(slug).or_default().insert(locale, text);
        }
    }
    texts
}

pub(crate) fn render(pages: &[Page]) -> String {
    LAYOUT.render(&[], pages, |page| {
        let former_slugs: Vec<_> = page.former_slugs.iter().map(Slug::as_str).collect();
        vec![
            page.slug.to_string(),
            cell(page.parent.as_ref()),
            page.position.to_string(),
            former_slugs.join(&BETWEEN_SLUGS.to_string()),
        ]
    })
}
